<?php
// A page as the original webapp was: PHP with PDO, one session for each request, and nothing about TLS.
// `php -S 0.0.0.0:8080 page.php` serves it.
//
//   DSN             what PDO connects to, such as mysql:unix_socket=/run/tunnel/mysql.sock;dbname=app
//   ACCOUNT         who logs in; the tunnel knows the password
declare(strict_types=1);

const CREATE = [
    'mysql' => 'CREATE TABLE IF NOT EXISTS notes
        (id BIGINT AUTO_INCREMENT PRIMARY KEY, body VARCHAR(200) NOT NULL, state VARCHAR(10) NOT NULL)',
    'pgsql' => 'CREATE TABLE IF NOT EXISTS notes
        (id BIGSERIAL PRIMARY KEY, body VARCHAR(200) NOT NULL, state VARCHAR(10) NOT NULL)',
];

function database(): PDO
{
    return new PDO(getenv('DSN'), getenv('ACCOUNT'), 'the tunnel knows better', [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_EMULATE_PREPARES => false,
        PDO::ATTR_TIMEOUT => 10,
    ]);
}

function notes(PDO $database): array
{
    $database->exec(CREATE[$database->getAttribute(PDO::ATTR_DRIVER_NAME)]);
    if ($_SERVER['REQUEST_METHOD'] === 'POST') {
        $insert = $database->prepare("INSERT INTO notes (body, state) VALUES (?, 'waiting')");
        $insert->execute([substr($_POST['body'] ?? '', 0, 200)]);
    }
    return $database->query('SELECT body, state FROM notes ORDER BY id DESC LIMIT 50')->fetchAll();
}

function show(array $notes): void
{
    echo '<!doctype html><title>notes</title><form method="post"><input name="body"></form><table>';
    foreach ($notes as $note) {
        printf("<tr><td>%s</td><td>%s</td></tr>\n", htmlspecialchars($note['body']), $note['state']);
    }
    echo '</table>';
}

try {
    match (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
        '/healthz' => print('ok'),
        // Ready, with the table that the worker waits for, is whoever can show it.
        '/', '/readyz' => show(notes(database())),
        default => http_response_code(404),
    };
} catch (PDOException $error) {
    http_response_code(503);
    header('Content-Type: text/plain; charset=utf-8');
    // The visitor is told nothing of the database; whoever runs the page reads why in its log. A message may
    // hold text of whoever answered, so that it is made one line.
    error_log(addcslashes('database: ' . $error->getMessage(), "\0..\37\177"), 4);
    echo "The database cannot be reached just now. Please try again later.\n";
}
