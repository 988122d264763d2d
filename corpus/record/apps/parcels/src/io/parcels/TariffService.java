package io.parcels;

import io.parcels.tariff.TariffTable;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

final class TariffService {
    static final class TariffLoadException extends RuntimeException {
        TariffLoadException(String m, Throwable cause) {
            super(m, cause);
        }
    }

    private final Database db;

    TariffService(Database db) {
        this.db = db;
    }

    TariffTable load() {
        TariffTable t = new TariffTable(Integer.parseInt(System.getenv().getOrDefault("PARCELS_PRECOMPUTE_ZONES", "40")));
        try (Connection c = db.connection(); Statement s = c.createStatement(); ResultSet r = s.executeQuery("select zone, cents from tariff order by zone")) {
            while (r.next()) {
                t.put(r.getInt(1), r.getLong(2));
            }
        } catch (SQLException e) {
            throw new TariffLoadException("Tariff table could not be loaded", e);
        }
        return t;
    }
}
