package io.premium;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import javax.sql.DataSource;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.support.PropertySourcesPlaceholderConfigurer;
import org.springframework.jdbc.core.JdbcTemplate;

public class AppConfig {
    @Bean
    public static PropertySourcesPlaceholderConfigurer placeholders() { return new PropertySourcesPlaceholderConfigurer(); }

    @Bean(destroyMethod = "close")
    public HikariDataSource dataSource(@Value("${PREMIUM_JDBC_URL}") String url, @Value("${PREMIUM_JDBC_USER:premium}") String user,
                                 @Value("${PREMIUM_JDBC_PASSWORD}") String password) {
        HikariConfig c = new HikariConfig();
        c.setPoolName("policy-store");
        c.setJdbcUrl(url);
        c.setUsername(user);
        c.setPassword(password);
        c.setMaximumPoolSize(5);
        c.setConnectionTimeout(6000);
        return new HikariDataSource(c);
    }

    @Bean
    public JdbcTemplate jdbc(DataSource ds) { return new JdbcTemplate(ds); }

    @Bean(initMethod = "send")
    public Telemetry telemetry(@Value("${PREMIUM_TELEMETRY:127.0.0.1:4317}") String target) { return new Telemetry(target); }

    @Bean(initMethod = "upgrade")
    public SchemaUpgrade schemaUpgrade(JdbcTemplate jdbc) { return new SchemaUpgrade(jdbc); }

    @Bean(initMethod = "load")
    public RateBook rateBook(JdbcTemplate jdbc, SchemaUpgrade upgraded) { return new RateBook(jdbc); }

    @Bean(initMethod = "open")
    public HazardModel hazardModel() { return new HazardModel(); }

    @Bean(initMethod = "start")
    public QuoteServer quoteServer(RateBook book, HazardModel hazards, Telemetry telemetry, @Value("${PREMIUM_HTTP_PORT:8095}") int port) { return new QuoteServer(book, port); }
}
