package io.parcels;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

final class Telemetry {
    private static final Logger log = LoggerFactory.getLogger(Telemetry.class);

    static void start(String address) {
        int colon = address.lastIndexOf(':');
        try (Socket s = new Socket()) {
            s.connect(new InetSocketAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1))), 500);
            log.info("Metrics go to {}", address);
        } catch (IOException e) {
            log.warn("Metrics relay {} not available ({}), continuing without metrics", address, e.toString());
        }
    }
}
