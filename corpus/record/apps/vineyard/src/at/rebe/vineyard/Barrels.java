package at.rebe.vineyard;

import java.sql.*;
import java.util.logging.Logger;

final class Barrels {
    private final Connection db;
    Barrels(Connection db) { this.db = db; }

    void load() throws CellarException {
        try (ResultSet r = db.createStatement().executeQuery("select count(*) from barrel")) {
            r.next();
            Logger.getLogger("barrels").info(r.getInt(1) + " barrels in the book");
        } catch (SQLException e) {
            throw new CellarException("The barrel book cannot be read", e);
        }
    }
}
