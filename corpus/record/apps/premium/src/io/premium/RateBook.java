package io.premium;

import java.util.Map;
import java.util.TreeMap;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.springframework.jdbc.core.JdbcTemplate;

class RateBook {
    private static final Logger LOG = LogManager.getLogger(RateBook.class);
    private final JdbcTemplate jdbc;
    private final Map<String, Double> rates = new TreeMap<>();

    RateBook(JdbcTemplate jdbc) { this.jdbc = jdbc; }

    public void load() {
        jdbc.query("select hazard, rate from rate_book", rs -> { rates.put(rs.getString(1), rs.getDouble(2)); });
        LOG.info("Rate book holds {} hazards", rates.size());
        if (!rates.containsKey("subsidence")) LOG.warn("No rate for subsidence, quotes fall back to 0.9 per mille");
    }

    int size() { return rates.size(); }
}
