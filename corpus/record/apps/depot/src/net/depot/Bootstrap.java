package net.depot;

import jakarta.servlet.ServletContextEvent;
import jakarta.servlet.ServletContextListener;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.naming.InitialContext;
import javax.naming.NamingException;
import javax.sql.DataSource;

/** Loads the bays of the depot before the application takes requests. */
public final class Bootstrap implements ServletContextListener {
    @Override
    public void contextInitialized(ServletContextEvent event) {
        event.getServletContext().log("depot 1.7 initialising");
        try {
            DataSource ds = (DataSource) new InitialContext().lookup("java:comp/env/jdbc/depot");
            try (Connection c = ds.getConnection(); Statement s = c.createStatement(); ResultSet r = s.executeQuery("select id, label from bay")) {
                int n = 0;
                while (r.next()) {
                    n++;
                }
                event.getServletContext().log(n + " bays loaded");
                event.getServletContext().setAttribute("bays", n);
            }
        } catch (NamingException | SQLException e) {
            throw new IllegalStateException("depot cannot load its bays", e);
        }
    }
}
