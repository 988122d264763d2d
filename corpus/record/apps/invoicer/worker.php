<?php
declare(strict_types=1);

function say(string $level, string $text): void {
    fwrite(STDOUT, sprintf("[%s] invoicer.%s: %s\n", (new DateTimeImmutable())->format('Y-m-d\TH:i:s.vP'), $level, $text));
}

say('INFO', 'worker booting, PHP ' . PHP_VERSION . ', queue ' . (getenv('INVOICER_QUEUE') ?: 'default'));
if (!extension_loaded('imagick')) {
    say('WARNING', 'extension imagick is not loaded, logos are left out');
}
$mail = @fsockopen('127.0.0.1', 2525, $errno, $why, 1.0);
if (!$mail) {
    say('WARNING', "smtp relay 127.0.0.1:2525: $why ($errno), mails are spooled");
}
try {
    $db = new PDO(getenv('INVOICER_DSN'), getenv('INVOICER_USER') ?: null, getenv('INVOICER_PASSWORD') ?: null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_TIMEOUT => 5]);
    $open = $db->query('SELECT count(*) FROM invoice WHERE paid_at IS NULL')->fetchColumn();
    say('INFO', "$open invoices are open");
    $db->exec("INSERT INTO worker (host, started_at) VALUES ('" . gethostname() . "', now())");
} catch (PDOException $e) {
    say('CRITICAL', 'Uncaught ' . $e::class . ': ' . $e->getMessage() . ' at ' . $e->getFile() . ':' . $e->getLine());
    exit(70);
}
say('INFO', 'waiting for jobs');
while (true) { sleep(5); }
