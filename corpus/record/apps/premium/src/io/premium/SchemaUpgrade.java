package io.premium;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.springframework.jdbc.core.JdbcTemplate;

class SchemaUpgrade {
    private static final Logger LOG = LogManager.getLogger(SchemaUpgrade.class);
    private final JdbcTemplate jdbc;

    SchemaUpgrade(JdbcTemplate jdbc) { this.jdbc = jdbc; }

    public void upgrade() {
        jdbc.execute("create table if not exists schema_level(level int not null)");
        Integer level = jdbc.queryForObject("select coalesce(max(level), 0) from schema_level", Integer.class);
        LOG.info("Policy schema is at level {}", level);
        if (level < 12) {
            LOG.info("Upgrading policy schema to level 12 (adds policy.renewal_notice)");
            jdbc.execute("set lock_timeout = '2500ms'; alter table policy add column if not exists renewal_notice date; reset lock_timeout");
            jdbc.update("insert into schema_level values (12)");
        }
    }
}
