package at.rebe.vineyard;

public class CellarException extends Exception {
    public CellarException(String m, Throwable t) { super(m, t); }
}
