package io.parcels;

import io.parcels.tariff.TariffTable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Parcel pricing service: reads its settings, opens the pool, loads the tariff table, serves /quote. */
public final class Main {
    private static final Logger log = LoggerFactory.getLogger(Main.class);

    public static void main(String[] args) {
        log.info("Starting parcels 5.2.0 using Java {} with PID {}", System.getProperty("java.version"), ProcessHandle.current().pid());
        Telemetry.start(System.getenv().getOrDefault("STATSD_ADDR", "127.0.0.1:8125"));
        if (System.getenv("PARCELS_GEOCODER_KEY") == null) {
            log.warn("PARCELS_GEOCODER_KEY is not set, address completion is disabled");
        }
        try {
            Settings settings = Settings.fromEnvironment();
            Database db = new Database(settings);
            TariffTable table = new TariffService(db).load();
            log.info("Tariff table ready: {} zones", table.zones());
            new QuoteServer(settings.port(), table).start();
            log.info("Started parcels, listening on port {}", settings.port());
        } catch (RuntimeException e) {
            log.error("Application run failed", e);
            System.exit(1);
        }
    }
}
