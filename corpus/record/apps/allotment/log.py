import logging, sys, structlog


def setup(colour):
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="%d.%m. %H:%M:%S", utc=True),
                    structlog.processors.format_exc_info, structlog.dev.ConsoleRenderer(colors=colour, pad_event_to=44)],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout))
    return structlog.get_logger()
