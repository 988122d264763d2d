package com.boxoffice;

class SeatPlan {
    private int seats;

    void build(PriceList prices) {
        synchronized (this) {
            pause();
            for (int row = 0; row < 30; row++) seats += 28 - prices.premiumSeats(row) / 4;
        }
        BoxOffice.log.info("Seat plan ready, {} seats", seats);
    }

    synchronized int seats() { return seats; }

    static void pause() { try { Thread.sleep(300); } catch (InterruptedException e) { throw new IllegalStateException(e); } }
}
