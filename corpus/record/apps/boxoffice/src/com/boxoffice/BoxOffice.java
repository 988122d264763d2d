package com.boxoffice;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.StatisticsHandler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Seats and tickets of the theatre. */
public class BoxOffice {
    static final Logger log = LoggerFactory.getLogger(BoxOffice.class);
    private final SeatPlan plan = new SeatPlan();
    private final PriceList prices = new PriceList(plan);

    static String env(String name, String otherwise) { String v = System.getenv(name); return v == null ? otherwise : v; }

    private Connection connect() throws SQLException {
        String url = env("BOXOFFICE_STORE", "jdbc:postgresql://localhost/boxoffice");
        Properties p = new Properties();
        p.setProperty("user", env("BOXOFFICE_STORE_USER", "boxoffice"));
        p.setProperty("password", env("BOXOFFICE_STORE_PASSWORD", ""));
        p.setProperty("ApplicationName", "boxoffice");
        p.setProperty("loginTimeout", "8");
        log.info("Opening ticket store {}", url.replaceAll("\\?.*", ""));
        return DriverManager.getConnection(url, p);
    }

    private void printer() {
        String p = env("BOXOFFICE_PRINTER", "127.0.0.1:9100");
        try (java.net.Socket s = new java.net.Socket(p.split(":")[0], Integer.parseInt(p.split(":")[1]))) {
            log.info("Ticket printer {} attached", p);
        } catch (Exception e) {
            log.warn("Ticket printer {} is offline, tickets are sent by mail only: {}", p, e.getMessage());
        }
    }

    void run() throws Exception {
        log.info("boxoffice 2.11 starting");
        if (!new java.io.File("/etc/boxoffice/branding.properties").exists()) log.info("No branding.properties, house style is 'plain'");
        printer();
        try (Connection c = connect(); Statement st = c.createStatement()) {
            log.info("Ticket store is PostgreSQL {}", c.getMetaData().getDatabaseProductVersion());
            try (ResultSet r = st.executeQuery("select count(*) from sold_ticket s where s.show_at > now() - interval '400 days'" + env("BOXOFFICE_REPORT_CLAUSE", ""))) {
                r.next();
                log.info("{} tickets in the running season", r.getLong(1));
            }
        }
        warmUp();
        Server server = new Server();
        ServerConnector http = new ServerConnector(server);
        http.setPort(Integer.parseInt(env("BOXOFFICE_PORT", "8180")));
        server.addConnector(http);
        server.setHandler(new StatisticsHandler());
        server.start();
        log.info("Box office is open");
        server.join();
    }

    private void warmUp() throws InterruptedException {
        CountDownLatch done = new CountDownLatch(2);
        log.info("Warming seat plan and price list");
        Thread a = new Thread(() -> { plan.build(prices); done.countDown(); }, "warm-seats");
        Thread b = new Thread(() -> { prices.build(); done.countDown(); }, "warm-prices");
        a.start();
        b.start();
        while (!done.await(5, TimeUnit.SECONDS)) log.info("Still warming, {} of 2 left", done.getCount());
        int rows = Integer.parseInt(env("BOXOFFICE_RENDER_ROWS", "0"));
        for (int i = 1; i <= rows; i++) {
            Thread.sleep(400);
            if (i % 6 == 0) log.info("Rendered {} of {} rows of the balcony", i, rows);
        }
    }

    public static void main(String[] args) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> log.info("Shutdown requested, releasing held seats"), "shutdown"));
        try {
            new BoxOffice().run();
        } catch (Throwable t) {
            log.error("Box office stays closed", t);
            System.exit(1);
        }
    }
}
