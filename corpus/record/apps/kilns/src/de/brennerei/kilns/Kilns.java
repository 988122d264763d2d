package de.brennerei.kilns;

import com.sun.net.httpserver.HttpServer;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Firing curves and kiln occupancy of a pottery cooperative. */
public final class Kilns {
    private static final Logger log = LoggerFactory.getLogger(Kilns.class);

    static String env(String name, String otherwise) {
        String v = System.getenv(name);
        if (v != null && !v.isEmpty()) return v;
        if (otherwise == null) throw new IllegalStateException("no value for " + name);
        return otherwise;
    }

    static void controller() {
        try (Socket s = new Socket()) {
            s.connect(new InetSocketAddress("127.0.0.1", 4840), 800);
            log.info("kiln controller answers");
        } catch (IOException e) {
            log.warn("kiln controller at 127.0.0.1:4840 is silent, temperatures are typed in by hand ({})", e.toString());
        }
    }

    static Path journal() throws IOException {
        Path home = Path.of(env("KILNS_HOME", "/var/lib/kilns")), journal = home.resolve("firings.journal");
        Files.writeString(journal, "opened " + java.time.Instant.now() + "\n");
        log.info("firing journal {}", journal);
        return journal;
    }

    static HikariDataSource open() {
        HikariConfig c = new HikariConfig();
        c.setPoolName("KilnPool");
        c.setJdbcUrl(env("KILNS_JDBC_URL", null));
        c.setUsername(env("KILNS_JDBC_USER", "kilns"));
        c.setPassword(env("KILNS_JDBC_PASSWORD", null));
        c.setMaximumPoolSize(Integer.parseInt(env("KILNS_POOL", "8")));
        c.setConnectionTimeout(Long.parseLong(env("KILNS_POOL_WAIT_MS", "4000")));
        return new HikariDataSource(c);
    }

    /** Every kiln reads its curves with a connection of its own and lets go when all have done so. */
    static int curves(HikariDataSource pool) throws Exception {
        int kilns = Integer.parseInt(env("KILNS_COUNT", "6"));
        CyclicBarrier all = new CyclicBarrier(kilns);
        ExecutorService ex = Executors.newFixedThreadPool(kilns, r -> { Thread t = new Thread(r); t.setDaemon(true); t.setName("kiln-" + t.getId() % 100); return t; });
        List<Future<Integer>> parts = new ArrayList<>();
        for (int k = 1; k <= kilns; k++) {
            int kiln = k;
            parts.add(ex.submit(() -> {
                try (Connection c = pool.getConnection(); ResultSet r = c.createStatement().executeQuery("select count(*) from firing_curve where kiln = " + kiln)) {
                    r.next();
                    log.info("kiln {}: {} curves", kiln, r.getInt(1));
                    all.await();
                    return r.getInt(1);
                }
            }));
        }
        int sum = 0;
        for (int k = kilns; k > 0; k--) sum += parts.get(k - 1).get();
        return sum;
    }

    public static void main(String[] args) throws Exception {
        log.info("kilns 3.0.7 on Java {}", Runtime.version().feature());
        if (System.getenv("KILNS_CONES") != null) log.warn("KILNS_CONES is deprecated and will go away with 4.0, use KILNS_SCALE");
        controller();
        if (!Files.exists(Path.of("/etc/kilns/glazes.xml"))) log.warn("/etc/kilns/glazes.xml not found, the built-in glazes are used");
        try {
            journal();
            HikariDataSource pool = open();
            log.info("{} firing curves in memory", curves(pool));
            HttpServer s = HttpServer.create(new InetSocketAddress(Integer.parseInt(env("KILNS_PORT", "8620"))), 16);
            s.createContext("/healthz", x -> { x.sendResponseHeaders(204, -1); x.close(); });
            s.start();
            log.info("kilns is up on port {}", s.getAddress().getPort());
        } catch (Exception e) {
            log.error("kilns could not be brought up", e);
            System.exit(70);
        }
    }
}
