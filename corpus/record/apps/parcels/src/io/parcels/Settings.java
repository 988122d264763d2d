package io.parcels;

record Settings(String jdbcUrl, String user, String password, int port, long poolTimeoutMillis, long initFailMillis) {
    static Settings fromEnvironment() {
        return new Settings(required("PARCELS_DB_URL"), required("PARCELS_DB_USER"), required("PARCELS_DB_PASSWORD"),
            Integer.parseInt(optional("PARCELS_PORT", "8085")), Long.parseLong(optional("PARCELS_POOL_TIMEOUT_MS", "5000")),
            Long.parseLong(optional("PARCELS_INIT_FAIL_MS", "1")));
    }

    private static String required(String name) {
        String v = System.getenv(name);
        if (v == null || v.isBlank()) {
            throw new IllegalStateException("Required setting " + name + " is missing");
        }
        return v;
    }

    private static String optional(String name, String fallback) {
        return System.getenv().getOrDefault(name, fallback);
    }
}
