import logging, os, sys, time


def url():
    return "postgresql+psycopg://%s:%s@%s/%s" % (os.environ.get("APIARY_PG_USER", "apiary"), os.environ.get("APIARY_PG_PASSWORD", ""), os.environ["APIARY_PG_HOST"], os.environ.get("APIARY_PG_DB", "apiary"))


class Logfmt(logging.Formatter):
    def format(self, r):
        text = r.getMessage().replace('"', "'")
        line = 't=%s lvl=%s src=%s msg="%s"' % (time.strftime("%H:%M:%S", time.gmtime(r.created)), r.levelname.lower()[:4], r.name, text)
        return line + ("\n" + self.formatException(r.exc_info) if r.exc_info else "")


def logging_on():
    h = logging.StreamHandler(sys.stdout)
    h.setFormatter(Logfmt())
    logging.basicConfig(level=os.environ.get("APIARY_LOG", "INFO"), handlers=[h])
