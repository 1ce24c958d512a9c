//! What `wa-db help certs` and its commands print.

pub(in crate::cli::args) const ABOUT: &str = "\
Make a private CA and the certificates of servers and clients, renew and check them.

For networks where no public CA issues certificates: one CA whose key stays where it was made, a \
certificate for each server and, where accounts log in with certificates, for each client. Private keys \
can be read by nobody but their owner from the first byte on, files are replaced in one step, and \
nothing is overwritten unasked.";

pub(in crate::cli::args) const AFTER: &str = "\
Exit codes:
   0  done; for check: nothing is wrong
   1  internal error
   2  usage
  10  files: one that is missing, wrong or there already; a name that the CA may not vouch for
show of a server ends as wa-db pins does: 11 resolve, 12 connect, 13 tls.

From nothing to a verified connection:
    wa-db certs init --permit-dns example.internal --permit-ip 10.0.0.0/8
    wa-db certs issue server --name db.example.internal 10.0.0.5
    wa-db certs issue client --name app
and paste the lines that are printed where their headings say. Then, on each service's machine:
    wa-db check

'wa-db certs help COMMAND' has examples of each command.";

pub(in crate::cli::args) const INIT_ABOUT: &str = "\
Make a private CA: ca.pem for everyone, ca.key for nobody else.

The CA has an EC P-256 key and issues certificates of servers and clients, no other CAs. Whoever has \
its key can pose as any server to those who trust it: keep ca.key off the machines of servers and \
services, which need ca.pem alone, and limit the CA to your own names with --permit-dns and --permit-ip. \
With one of them alone it may vouch for no name of the other kind: with --permit-dns for no address, with \
--permit-ip for no DNS name. With neither it may vouch for everything.

With --force the new ca.key is yours and nobody else's, whoever had the old one. A symbolic link in the place of \
ca.pem or ca.key is neither followed nor replaced.";

pub(in crate::cli::args) const INIT_AFTER: &str = "\
Exit codes:
   0  done
   1  internal error
   2  usage
  10  files: a CA is there already, or nothing can be written there

Examples:
  a CA for whatever name:
    wa-db certs init
  one that is good for nothing outside of its own network:
    wa-db certs init --dir /root/ca --name 'Example databases' \\
        --permit-dns example.internal --permit-ip 10.0.0.0/8";

pub(in crate::cli::args) const ISSUE_ABOUT: &str = "\
Issue a certificate for a server or a client, with the lines that put it to use.

Writes NAME.pem, the certificate followed by those between it and the root, and NAME.key beside the CA, or \
where --out says. On stdout stand the lines for postgresql.conf, my.cnf and the env-file of the services; \
their headings are comments in each. A file or link that is in the way is left alone; --force replaces \
files, never links. What was issued has been verified against the CA as a peer would do it.";

pub(in crate::cli::args) const ISSUE_AFTER: &str = "\
Exit codes:
   0  done
   1  internal error
   2  usage: a name that is none, too
  10  files: no CA, or one that has expired; a name that it may not vouch for; a file in the way

Examples:
  a server that is reached by two names and an address:
    wa-db certs issue server --name db.example.internal --name db 10.0.0.5
  straight to where the server reads it:
    wa-db certs issue server --name db.example.internal --dir /root/ca \\
        --out /etc/postgresql/tls/server
  an account that logs in with a certificate:
    wa-db certs issue client --name app --days 90";

pub(in crate::cli::args) const RENEW_ABOUT: &str = "\
Replace certificates by new ones of the same names, under running services.

Names, purpose and key stay, and with the key its pin; --new-key makes a new one of the same kind. Each \
file is replaced in one step and keeps its owner and mode; not the owner where another user could have put the \
file there, which is warned of. A symbolic link is neither followed nor replaced: name the file it leads to, or \
issue new files and turn the link to them. Services that use wa-db read it again by themselves; \
one that looks just between a new key and its certificate goes on with the pair it has. Database servers must be \
told: the statements are printed.";

pub(in crate::cli::args) const RENEW_AFTER: &str = "\
Exit codes:
   0  all are renewed
   1  internal error
   2  usage
  10  files: one that this CA did not issue, or that cannot be replaced; the others are renewed

Where services pin the server's key (WA_DB_SSL_PINS), --new-key locks them out, unless they pin the CA's key as \
well: 'wa-db certs show certs/ca.pem' prints that pin.

Examples:
  all that ends within a month, from a timer:
    wa-db certs check --min-days 30 || wa-db certs renew certs/db.example.internal.pem
  after a key may have been seen:
    wa-db certs renew --new-key certs/app.pem";

pub(in crate::cli::args) const SHOW_ABOUT: &str = "\
Show what is in files, or what servers present, with pins.

Files may hold certificates or keys, in PEM or DER; of a private key nothing is shown but its kind and its pin. \
Servers are asked as wa-db pins asks them: up to TLS, without logging in. Their chain is verified by \
WA_DB_SSL_CA, or the system's store where that is not set; one that does not verify is shown too, marked \
as such. With no argument the servers of WA_DB_HOSTNAME are asked.";

pub(in crate::cli::args) const SHOW_AFTER: &str = "\
Exit codes:
   0  all of it was read; every chain of a server verifies
   1  internal error
   2  usage: a server without --engine or WA_DB_ENGINE, too
  10  settings or files
  11  resolve, 12 connect: a server was not reached
  13  tls: no TLS, or a chain that does not verify
With several: the lowest.

Examples:
  what was issued:
    wa-db certs show certs/*.pem
  what a server presents, and what its services would say of it:
    wa-db certs show --env-file db.env
    WA_DB_SSL_CA=certs/ca.pem wa-db certs show --engine pgsql db.example.internal
  how long a certificate is still good for:
    wa-db certs show --format json certs/app.pem | jq '.files[].certificates[0].days_left'";

pub(in crate::cli::args) const CHECK_ABOUT: &str = "\
Say what is wrong with the certificates and keys of a directory.

For each certificate: whether it leads to ca.pem, is within its time, strong enough and for some name, and which \
file holds its key. For each key: whether others can read it (the rule is libpq's: 0600, or 0640 where root owns it) \
and which certificate it belongs to. Each finding says what to do next.";

pub(in crate::cli::args) const CHECK_AFTER: &str = "\
Exit codes:
   0  nothing is wrong (warnings are allowed)
   1  internal error
   2  usage
  10  something is wrong

Examples:
  wa-db certs check
  where the CA lies elsewhere, from a timer that wants to know a week ahead:
    wa-db certs check /etc/postgresql/tls --ca /usr/local/share/ca.pem --min-days 7";
