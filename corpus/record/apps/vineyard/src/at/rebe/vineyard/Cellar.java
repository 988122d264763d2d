package at.rebe.vineyard;

import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Barrels, their must weights, and the web front of both. */
public final class Cellar {
    private static final Logger LOG = Logger.getLogger("cellar");

    public static void main(String[] args) {
        LOG.info("Cellar 11.4 on Java " + Runtime.version().feature() + ", vintage " + System.getenv().getOrDefault("VINEYARD_VINTAGE", "2026"));
        if (!Files.exists(Path.of("/etc/vineyard/labels.xsl"))) LOG.warning("label sheet /etc/vineyard/labels.xsl does not exist, labels are plain");
        thermometer();
        try {
            Connection[] sessions = new Connection[Integer.getInteger("cellar.sessions", 3)];
            for (int i = 0; i < sessions.length; i++) sessions[i] = session(i);
            new Barrels(sessions[0]).load();
            LOG.info("Cellar door is open on 8443");
            Thread.currentThread().join();
        } catch (CellarException | InterruptedException e) {
            LOG.log(Level.SEVERE, "Cellar stays locked", e);
            System.exit(4);
        }
    }

    private static void thermometer() {
        try (Socket s = new Socket()) {
            s.connect(new InetSocketAddress("127.0.0.1", 1502), 800);
        } catch (java.io.IOException e) {
            LOG.log(Level.WARNING, "Thermometer bus 127.0.0.1:1502 does not answer (" + e.getMessage() + "), temperatures stay unknown");
        }
    }

    private static Connection session(int i) throws CellarException {
        Properties p = new Properties();
        p.setProperty("user", "vineyard");
        p.setProperty("password", System.getenv("VINEYARD_DB_PASSWORD"));
        p.setProperty("ApplicationName", "cellar-" + i);
        try {
            Connection c = DriverManager.getConnection(System.getenv("VINEYARD_DB"), p);
            LOG.info("Session " + (i + 1) + " is up");
            return c;
        } catch (SQLException e) {
            throw new CellarException("Session " + (i + 1) + " was not granted", e);
        }
    }
}
