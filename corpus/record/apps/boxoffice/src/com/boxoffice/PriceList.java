package com.boxoffice;

class PriceList {
    private final SeatPlan plan;
    private long total;

    PriceList(SeatPlan plan) { this.plan = plan; }

    void build() {
        if (Boolean.parseBoolean(BoxOffice.env("BOXOFFICE_DYNAMIC_PRICES", "false"))) dynamic();
        BoxOffice.log.info("Price list ready");
    }

    private synchronized void dynamic() {
        SeatPlan.pause();
        total = plan.seats() * 1950L;
    }

    synchronized int premiumSeats(int row) { return row < 6 ? 8 : 0; }
}
