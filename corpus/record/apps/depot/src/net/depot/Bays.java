package net.depot;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

public final class Bays extends HttpServlet {
    @Override
    protected void doGet(HttpServletRequest q, HttpServletResponse a) throws IOException {
        a.getWriter().println(getServletContext().getAttribute("bays"));
    }
}
