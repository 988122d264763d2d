<?php
declare(strict_types=1);
// Long-running desk: reads the wires and lays out editions.
require __DIR__ . '/src/Notebook.php';
require __DIR__ . '/src/Wire.php';

$note = new Notebook();
$note->line('notice', 'newsdesk 7.2 opens, PHP ' . PHP_VERSION . ', pid ' . getmypid());
if (!extension_loaded('apcu')) {
    $note->line('warning', 'apcu is not loaded, headlines are not cached');
}
$ini = @parse_ini_file('/etc/newsdesk/desk.ini');
if ($ini === false) {
    $note->line('warning', '/etc/newsdesk/desk.ini unreadable, house style "default"');
}
(new Wire($note))->listen(getenv('NEWSDESK_WIRE') ?: '127.0.0.1:9020');
require_once __DIR__ . '/src/Editions.php';

$note->line('info', 'archive at ' . getenv('NEWSDESK_DB_HOST'));
$dsn = sprintf('pgsql:host=%s;port=5432;dbname=%s;connect_timeout=%d', getenv('NEWSDESK_DB_HOST'), getenv('NEWSDESK_DB_NAME') ?: 'newsdesk', (int) (getenv('NEWSDESK_DB_TIMEOUT') ?: 5));
$pdo = new PDO($dsn, 'newsdesk', getenv('NEWSDESK_DB_PASSWORD') ?: '', [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
$note->line('info', 'archive is open');
$editions = new Editions($pdo);
$note->line('info', $editions->latest() . ' is the latest edition');
$note->line('notice', 'desk is staffed');
while (true) {
    sleep(1);
}
