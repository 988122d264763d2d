package com.harbour.freight;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.logging.Logger;

final class Manifest {
    static int count(Connection c) throws SQLException {
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("select count(*) from manifest where closed is null")) {
            r.next();
            return r.getInt(1);
        }
    }

    /** Tells the audit trail that the desk starts; nobody waits for it. */
    static void audit(Logger log) {
        String url = System.getenv().getOrDefault("FREIGHT_AUDIT_URL", "http://127.0.0.1:9911/events");
        try {
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(1)).build()
                .send(HttpRequest.newBuilder(URI.create(url)).POST(HttpRequest.BodyPublishers.ofString("boot")).build(), HttpResponse.BodyHandlers.discarding());
        } catch (IOException e) {
            log.warning("audit trail " + url + " did not take the event: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
