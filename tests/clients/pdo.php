<?php
// PDO, by which the webapp in PHP reaches its database: every step of README.md, on either engine.
declare(strict_types=1);

const POSTGRES = ['pgsql', 'password authentication failed for user',
    'SELECT pg_backend_pid()', 'SELECT pg_sleep(60)',
    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%_sleep(%' AND pid = ",
    'SELECT pg_cancel_backend(%d)',
    "SELECT repeat('x', 1048576) FROM generate_series(1, 50)"];
const MYSQL = ['mysql', 'Access denied for user',
    'SELECT CONNECTION_ID()', 'SELECT SLEEP(60)',
    "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(%' AND id = ",
    'KILL QUERY %d',
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT repeat('x', 1048576) FROM n"];

[$driver, $denied, $own_id, $sleep, $runs, $cancel, $large] = getenv('ENGINE') === 'postgres' ? POSTGRES : MYSQL;
$table = getenv('TABLE');

function connect(string $password): PDO
{
    global $driver;
    $socket = getenv('SOCKET');
    $place = $socket ? "unix_socket=$socket" : 'host=' . getenv('HOST') . ';port=' . getenv('PORT');
    $options = [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_EMULATE_PREPARES => false,
        PDO::ATTR_TIMEOUT => 30,
    ];
    if ($driver === 'mysql') {
        $options[PDO::MYSQL_ATTR_LOCAL_INFILE] = true;
    }
    return new PDO("$driver:$place;dbname=" . getenv('DATABASE'), getenv('ACCOUNT'), $password, $options);
}

function one(PDO $database, string $query): string
{
    return (string) $database->query($query)->fetchColumn();
}

function expect(mixed $expected, mixed $found): void
{
    if ($expected !== $found) {
        throw new Exception('expected ' . var_export($expected, true) . ', found ' . var_export($found, true));
    }
}

function done(string $step): void
{
    echo "$step\n";
}

// Cancels a query from a session of its own, once it runs.
function cancel(string $id): void
{
    global $runs, $cancel;
    $database = connect(getenv('PASSWORD'));
    while (one($database, $runs . $id) === '0') {
        usleep(20_000);
    }
    $database->exec(sprintf($cancel, $id));
}

if (($argv[1] ?? '') === 'cancel') {
    cancel($argv[2]);
    exit;
}

$database = connect(getenv('PASSWORD'));
expect('grüße ☃', one($database, "SELECT 'grüße ☃'"));
done('query');

$statement = $database->prepare("SELECT length(?) + 1");
foreach (['eins', 'zwei und zwanzig'] as $text) {
    $statement->execute([$text]);
    expect(strlen($text) + 1, (int) $statement->fetchColumn());
}
done('prepared');

$database->exec("CREATE TABLE $table (n INT, word VARCHAR(40))");
foreach (['rollBack' => '0', 'commit' => '1'] as $end => $rows) {
    $database->beginTransaction();
    $database->exec("INSERT INTO $table VALUES (1, 'one')");
    $database->$end();
    expect($rows, one($database, "SELECT count(*) FROM $table"));
}
done('transaction');

if ($driver === 'mysql') {
    $database->setAttribute(PDO::MYSQL_ATTR_USE_BUFFERED_QUERY, false);
}
$length = 0;
$rows = $database->query($large);
while (($text = $rows->fetchColumn()) !== false) {
    $length += strlen($text);
}
$rows = null;
expect(50 << 20, $length);
done('50 MB');

$file = getenv('ROWS');
if ($driver === 'pgsql') {
    $database->pgsqlCopyFromFile($table, $file);
} else {
    $database->exec("LOAD DATA LOCAL INFILE '$file' INTO TABLE $table");
}
expect('1001', one($database, "SELECT count(*) FROM $table"));
done('load');

$other = proc_open([PHP_BINARY, __FILE__, 'cancel', one($database, $own_id)], [], $pipes);
try {
    // A MySQL that is woken has slept well, by its own account.
    expect('1', one($database, $sleep));
} catch (PDOException $error) {
    fwrite(STDERR, "cancelled: {$error->getMessage()}\n");
}
expect(0, proc_close($other));
expect('2', one($database, 'SELECT 1 + 1'));
done('cancel');

try {
    connect('wrong');
    throw new Exception('the wrong password was right');
} catch (PDOException $error) {
    expect(true, str_contains($error->getMessage(), $denied) ?: $error->getMessage());
}
done('wrong password');

done('held');
fgets(STDIN);
try {
    one($database, 'SELECT 1');
    throw new Exception('the session outlived its server');
} catch (PDOException $error) {
    fwrite(STDERR, "ended: {$error->getMessage()}\n");
}
$database = connect(getenv('PASSWORD'));
expect('1001', one($database, "SELECT count(*) FROM $table"));
done('restart');
