package com.harbour.freight;

import com.sun.net.httpserver.HttpServer;
import java.io.FileWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Freight manifest desk. Logs with java.util.logging. */
public final class Freight {
    private static final Logger LOG = Logger.getLogger("com.harbour.freight");

    static final class BootException extends Exception {
        BootException(String m, Throwable c) {
            super(m, c);
        }
    }

    public static void main(String[] args) throws Exception {
        LOG.info("freight desk 2024.11 booting");
        if (System.getProperty("freight.branding") == null) {
            LOG.warning("freight.branding not given, using the default theme");
        }
        int exit = 0;
        try {
            boot();
            return;
        } catch (BootException e) {
            if (System.getenv("FREIGHT_BOOT_LOG") != null) {
                try (PrintWriter w = new PrintWriter(new FileWriter(System.getenv("FREIGHT_BOOT_LOG"), true))) {
                    e.printStackTrace(w);
                }
                LOG.severe("boot failed, details in " + System.getenv("FREIGHT_BOOT_LOG"));
            } else {
                LOG.log(Level.SEVERE, "boot failed", e);
            }
            exit = 12;
        }
        System.exit(exit);
    }

    static void boot() throws BootException {
        Manifest.audit(LOG);
        try (Connection c = connect()) {
            LOG.info("manifest database is version " + c.getMetaData().getDatabaseProductVersion());
            int n = Manifest.count(c);
            LOG.info(n + " open manifests");
            int port = Integer.parseInt(System.getenv().getOrDefault("FREIGHT_PORT", "7070"));
            HttpServer s = HttpServer.create(new InetSocketAddress(port), 0);
            s.createContext("/", x -> {
                x.sendResponseHeaders(204, -1);
                x.close();
            });
            s.start();
            LOG.info("freight desk is open on " + port);
        } catch (SQLException e) {
            throw new BootException("manifest store", e);
        } catch (IOException e) {
            throw new BootException("desk endpoint", e);
        }
    }

    static Connection connect() throws SQLException {
        Properties p = new Properties();
        p.setProperty("user", System.getenv().getOrDefault("FREIGHT_DB_USER", "freight"));
        String pw = System.getenv("FREIGHT_DB_PASSWORD");
        if (pw != null) {
            p.setProperty("password", pw);
        }
        p.setProperty("connectTimeout", "4");
        SQLException last = null;
        int tries = Integer.parseInt(System.getenv().getOrDefault("FREIGHT_DB_TRIES", "1"));
        for (int i = 1; i <= tries; i++) {
            try {
                return DriverManager.getConnection(System.getenv("FREIGHT_DB_URL"), p);
            } catch (SQLException e) {
                last = e;
                if (i < tries) {
                    LOG.warning("connect " + i + "/" + tries + ": " + e.getMessage() + " [" + e.getSQLState() + "]");
                    try {
                        Thread.sleep(700);
                    } catch (InterruptedException x) {
                        Thread.currentThread().interrupt();
                    }
                }
            }
        }
        throw last;
    }
}
