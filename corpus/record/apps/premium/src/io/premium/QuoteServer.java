package io.premium;

import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

class QuoteServer {
    private final RateBook book;
    private final int port;

    QuoteServer(RateBook book, int port) { this.book = book; this.port = port; }

    public void start() throws java.io.IOException {
        HttpServer s = HttpServer.create(new InetSocketAddress(port), 0);
        s.createContext("/quote", x -> { byte[] b = ("hazards " + book.size()).getBytes(); x.sendResponseHeaders(200, b.length); x.getResponseBody().write(b); x.close(); });
        s.start();
    }

    int port() { return port; }
}
