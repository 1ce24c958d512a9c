//! `WA_DB_HOSTNAME`: one host or a list of them, each with its port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use super::ports;
use crate::endpoint::{Endpoint, Host};
use crate::settings::fault::{Fault, shown};
use crate::settings::variables::{HOSTNAME, PORT};

/// What is wrong with an item, and what to do.
type Trouble = (&'static str, &'static str);

/// Parses the host list and gives each host its port: its own, or the one of `ports` (one for all
/// or one for each), or the default.
pub(in crate::settings) fn hosts(
    text: &str,
    ports: Option<&[u16]>,
    default_port: u16,
) -> Result<Vec<Endpoint>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut items = Vec::new();
    let texts: Vec<&str> = text.split(',').map(str::trim).collect();
    for (index, item) in texts.iter().enumerate() {
        match host_and_port(item) {
            Ok(parsed) => items.push(parsed),
            Err((what, hint)) => faults.push(bad_item(index, item, texts.len(), what, hint)),
        }
    }
    let given = ports.unwrap_or_default();
    if given.len() > 1 && given.len() != texts.len() {
        faults.push(Fault::invalid(
            PORT,
            format!(
                "{PORT} lists {} ports for {} hosts",
                given.len(),
                texts.len()
            ),
            "give one port for all hosts, or one for each in the same order",
        ));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut endpoints: Vec<Endpoint> = Vec::with_capacity(items.len());
    for (index, (host, own)) in items.into_iter().enumerate() {
        let listed = if given.len() > 1 {
            given.get(index)
        } else {
            None
        };
        if let (Some(own), Some(listed)) = (own, listed)
            && own != *listed
        {
            faults.push(Fault::invalid(
                PORT,
                format!(
                    "{PORT} says {listed} for host {} of {HOSTNAME}, which says {own} itself",
                    index + 1
                ),
                "give each host one port",
            ));
        }
        let port = own
            .or(listed.copied())
            .or(given.first().copied())
            .unwrap_or(default_port);
        let endpoint = Endpoint::new(host, port);
        if endpoints.iter().any(|other| same(other, &endpoint)) {
            faults.push(Fault::invalid(
                HOSTNAME,
                format!("{HOSTNAME} lists {endpoint} twice"),
                "list each server once",
            ));
        }
        endpoints.push(endpoint);
    }
    if faults.is_empty() {
        Ok(endpoints)
    } else {
        Err(faults)
    }
}

fn bad_item(index: usize, item: &str, count: usize, what: &str, hint: &str) -> Fault {
    let place = if count > 1 {
        format!(": item {}", index + 1)
    } else {
        String::new()
    };
    let shown = if item.is_empty() {
        String::new()
    } else {
        format!(" {}", shown(item))
    };
    Fault::invalid(HOSTNAME, format!("{HOSTNAME}{place}{shown} {what}"), hint)
}

/// Names are compared without regard to case, as DNS does.
fn same(a: &Endpoint, b: &Endpoint) -> bool {
    let hosts = match (a.host(), b.host()) {
        (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
        (a, b) => a == b,
    };
    hosts && a.port() == b.port()
}

fn host_and_port(item: &str) -> Result<(Host, Option<u16>), Trouble> {
    if item.is_empty() {
        return Err((
            "is empty",
            "give a host, and no comma without a host on both sides",
        ));
    }
    if item.chars().any(char::is_control) {
        return Err((
            "holds a control character",
            "write the host in plain letters",
        ));
    }
    if item.starts_with('/') {
        return Ok((Host::Socket(PathBuf::from(item)), None));
    }
    if item.contains("://") || item.contains('@') {
        return Err((
            "is a URL",
            "give the host alone; account and database have variables of their own",
        ));
    }
    if let Some(rest) = item.strip_prefix('[') {
        return bracketed(rest);
    }
    // An address without brackets must not be cut at its last colon.
    if item.matches(':').count() > 1 {
        return match item.parse::<Ipv6Addr>() {
            Ok(ip) => Ok((Host::Ip(ip.into()), None)),
            Err(_) => Err((
                "is no IPv6 address",
                "write [address]:port when a port follows; zones (%eth0) are not supported",
            )),
        };
    }
    let (host, port) = match item.split_once(':') {
        Some((host, text)) => (host, Some(port(text)?)),
        None => (item, None),
    };
    Ok((name_or_ipv4(host)?, port))
}

/// Parses what follows an opening bracket.
fn bracketed(rest: &str) -> Result<(Host, Option<u16>), Trouble> {
    let Some((address, after)) = rest.split_once(']') else {
        return Err((
            "has no closing bracket",
            "write [address] or [address]:port",
        ));
    };
    let Ok(ip) = address.parse::<Ipv6Addr>() else {
        return Err((
            "holds no IPv6 address in its brackets",
            "brackets are for IPv6 addresses alone; zones (%eth0) are not supported",
        ));
    };
    let port = match after.strip_prefix(':') {
        Some(text) => Some(port(text)?),
        None if after.is_empty() || after == "." => None,
        None => {
            return Err((
                "has text after its bracket",
                "write [address] or [address]:port",
            ));
        }
    };
    Ok((Host::Ip(IpAddr::V6(ip)), port))
}

fn port(text: &str) -> Result<u16, Trouble> {
    ports::number(text).ok_or((
        "has no port from 1 to 65535 after its colon",
        "write host:port with a number from 1 to 65535",
    ))
}

fn name_or_ipv4(text: &str) -> Result<Host, Trouble> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() {
        return Err(("has no name", "give a host name or an address"));
    }
    // The standard library refuses zero-padded numbers, which some read as octal: such a host stays
    // a name, and no certificate carries it.
    if let Ok(ip) = name.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(ip.into()));
    }
    if name.contains('/') {
        return Err((
            "holds a slash",
            "the path of a Unix socket begins with /; a host has no slash",
        ));
    }
    if !name.is_ascii() {
        return Err((
            "holds a letter that is not ASCII",
            "write the name in its xn-- form",
        ));
    }
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    {
        return Err((
            "holds a character that no host name can have",
            "host names are letters, digits, hyphens, underscores and dots",
        ));
    }
    if name.len() > 253
        || name
            .split('.')
            .any(|label| label.is_empty() || label.len() > 63)
    {
        return Err((
            "has an empty or overlong part between its dots",
            "a part has 1 to 63 characters, the whole name at most 253",
        ));
    }
    // With its dot, if it has one: the endpoint remembers it for the look-up.
    Ok(Host::Name(text.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str, ports: &[u16]) -> Vec<String> {
        let ports = if ports.is_empty() { None } else { Some(ports) };
        hosts(text, ports, 5432)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn each_spelling_of_a_host_is_understood() {
        for (text, expected) in [
            ("db", "db:5432"),
            ("db.lab.", "db.lab:5432"),
            ("db.lab.:6000", "db.lab:6000"),
            ("my_db-1", "my_db-1:5432"),
            ("DB.Lab", "DB.Lab:5432"),
            ("127.0.0.1", "127.0.0.1:5432"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("::1", "[::1]:5432"),
            ("2001:db8::1", "[2001:db8::1]:5432"),
            ("2001:0DB8:0:0::1", "[2001:db8::1]:5432"),
            ("::ffff:10.0.0.1", "[::ffff:10.0.0.1]:5432"),
            ("[::1]", "[::1]:5432"),
            ("[::1].", "[::1]:5432"),
            ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
            ("/run/postgresql", "/run/postgresql"),
            ("/run/mysqld/mysqld.sock", "/run/mysqld/mysqld.sock"),
            (" db \r", "db:5432"),
        ] {
            assert_eq!(parsed(text, &[]), [expected], "{text:?}");
        }
    }

    #[test]
    fn a_name_with_a_trailing_dot_is_absolute() {
        for (text, absolute) in [
            ("db.lab", false),
            ("db.lab.", true),
            ("db.:6000", true),
            ("127.0.0.1.", false),
        ] {
            let endpoint = hosts(text, None, 1).unwrap().remove(0);
            assert_eq!(endpoint.is_absolute(), absolute, "{text}");
        }
    }

    #[test]
    fn the_kind_of_a_host_follows_from_its_spelling() {
        let host = |text| hosts(text, None, 1).unwrap().remove(0).host().clone();
        assert!(matches!(host("127.0.0.1"), Host::Ip(_)));
        assert!(matches!(host("127.000.000.001"), Host::Name(_)));
        assert!(matches!(host("127.1"), Host::Name(_)));
        assert!(matches!(host("localhost"), Host::Name(_)));
        assert!(matches!(host("::1"), Host::Ip(_)));
        assert!(matches!(host("/run/x"), Host::Socket(_)));
    }

    #[test]
    fn a_list_takes_ports_from_the_item_then_from_the_list_then_the_default() {
        assert_eq!(parsed("a,b:1 , [::1]:2", &[]), ["a:5432", "b:1", "[::1]:2"]);
        assert_eq!(parsed("a,b:1", &[7]), ["a:7", "b:1"]);
        assert_eq!(parsed("a,::1", &[7, 8]), ["a:7", "[::1]:8"]);
        assert_eq!(parsed("a,a", &[7, 8]), ["a:7", "a:8"]);
        assert_eq!(parsed("a:7,b", &[7, 8]), ["a:7", "b:8"]);
    }

    #[test]
    fn what_is_no_host_is_a_fault_that_says_why() {
        for (text, part) in [
            ("", "is empty"),
            (" ", "is empty"),
            (",", "item 1 is empty"),
            ("a,", "item 2 is empty"),
            ("a,,b", "item 2 is empty"),
            (":5432", "no name"),
            (".", "no name"),
            ("db:", "no port from 1"),
            ("db:0", "no port from 1"),
            ("db:65536", "no port from 1"),
            ("db:+1", "no port from 1"),
            ("db:x", "no port from 1"),
            ("[::1", "no closing bracket"),
            ("[127.0.0.1]", "no IPv6 address"),
            ("[db]:1", "no IPv6 address"),
            ("[fe80::1%eth0]", "no IPv6 address"),
            ("fe80::1%eth0", "no IPv6 address"),
            ("1:2:3:4:5:6:7:8:5432", "no IPv6 address"),
            ("[::1]5432", "text after its bracket"),
            ("[::1]:", "no port from 1"),
            ("::1/128", "no IPv6 address"),
            ("a..b", "empty or overlong"),
            ("a..", "empty or overlong"),
            (".a", "empty or overlong"),
            (
                "a,.corp.example:1",
                "item 2 \".corp.example:1\" has an empty or overlong",
            ),
            ("a b", "no host name can have"),
            ("a;b", "no host name can have"),
            ("a%b", "no host name can have"),
            ("./run", "holds a slash"),
            ("10.0.0.1/8", "holds a slash"),
            ("münchen", "not ASCII"),
            ("a\u{1b}[31m", "control character"),
            ("mysql://root@db/x", "is a URL"),
            ("root@db", "is a URL"),
            ("db,DB", "twice"),
            ("::1,[0:0::1]", "twice"),
            ("db,db.:5432", "twice"),
        ] {
            let faults = hosts(text, None, 5432).unwrap_err();
            assert!(
                faults[0].message.contains(part),
                "{text:?}: {}",
                faults[0].message
            );
            assert!(
                faults[0].message.starts_with(HOSTNAME),
                "{}",
                faults[0].message
            );
        }
        assert!(hosts(&"a".repeat(64), None, 1).is_err());
        assert_eq!(hosts("a b,,c", None, 1).unwrap_err().len(), 2);
    }

    #[test]
    fn a_url_is_not_shown_because_it_may_hold_a_password() {
        let fault = hosts("mysql://root:hunter2@db", None, 1)
            .unwrap_err()
            .remove(0);
        assert!(!fault.message.contains("hunter2"), "{}", fault.message);
    }

    #[test]
    fn a_port_list_that_does_not_fit_the_host_list_is_a_fault_of_the_port() {
        for (text, ports) in [("a,b,c", &[1, 2][..]), ("a", &[1, 2]), ("a:9,b", &[1, 2])] {
            let faults = hosts(text, Some(ports), 1).unwrap_err();
            assert_eq!(faults[0].variable, PORT, "{text}");
        }
    }

    fn host() -> impl Strategy<Value = Host> {
        prop_oneof![
            "[a-z][a-z0-9_-]{0,8}(\\.[a-z][a-z0-9]{0,5}){0,3}".prop_map(Host::Name),
            any::<IpAddr>().prop_map(Host::Ip),
            "/[a-z0-9./_-]{0,12}".prop_map(|path| Host::Socket(path.into())),
        ]
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in "(?s).{0,60}") {
            let _ = hosts(&text, None, 1);
        }

        #[test]
        fn text_made_of_the_syntax_is_parsed_without_a_panic(text in "[a0:.,/ \\[\\]%]{0,30}") {
            let _ = hosts(&text, Some(&[1, 2]), 1);
        }

        #[test]
        fn a_printed_endpoint_is_read_back_as_it_was(host in host(), port in 1_u16..) {
            let endpoint = Endpoint::new(host, port);
            // The port of a socket is not printed; it comes from the variable.
            let back = hosts(&endpoint.to_string(), Some(&[port]), 1).unwrap();
            prop_assert_eq!(back, [endpoint]);
        }
    }
}
