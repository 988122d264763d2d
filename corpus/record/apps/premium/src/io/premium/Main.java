package io.premium;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/** Quotes for household insurance. */
public final class Main {
    private static final Logger LOG = LogManager.getLogger(Main.class);

    public static void main(String[] args) throws Exception {
        LOG.info("premium 7.3.1 on Java {}, {} processors", System.getProperty("java.version"), Runtime.getRuntime().availableProcessors());
        if (System.getenv("PREMIUM_GEO_LICENCE") == null) LOG.warn("PREMIUM_GEO_LICENCE is not set: flood zones come from the coarse grid");
        AnnotationConfigApplicationContext ctx;
        try {
            ctx = new AnnotationConfigApplicationContext(AppConfig.class);
        } catch (Throwable t) {
            LOG.fatal("Application context could not be started", t);
            System.exit(4);
            return;
        }
        ctx.registerShutdownHook();
        LOG.info("Quote desk open on port {}", ctx.getBean(QuoteServer.class).port());
    }
}
