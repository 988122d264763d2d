package io.parcels;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;

final class Database {
    private final HikariDataSource pool;

    Database(Settings s) {
        HikariConfig c = new HikariConfig();
        c.setPoolName("ParcelsPool");
        c.setDriverClassName("org.postgresql.Driver");
        c.setJdbcUrl(s.jdbcUrl());
        c.setUsername(s.user());
        c.setPassword(s.password());
        c.setMaximumPoolSize(6);
        c.setConnectionTimeout(s.poolTimeoutMillis());
        c.setInitializationFailTimeout(s.initFailMillis());
        pool = new HikariDataSource(c);
    }

    Connection connection() throws SQLException {
        return pool.getConnection();
    }
}
