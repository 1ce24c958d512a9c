//! The SCRAM cheats, seen by a client that computes its own side.

use std::io::Write;
use std::net::TcpStream;

use openssl::base64::{decode_block, encode_block};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::ssl::SslStream;
use wa_db_lab::fake::{Event, FAKE_PASSWORD, FakePostgres, PostgresScript, ScramFault};

use crate::client::{identity, message, read_authentication, start_up};

const FIRST_BARE: &str = "n=,r=rOprNGfwEbeRWgbNEkqO";

fn start(script: PostgresScript) -> (FakePostgres, SslStream<TcpStream>, Vec<u8>) {
    let fake = FakePostgres::start(script, Some(identity())).unwrap();
    let mut stream = start_up(fake.port());
    let (kind, mechanisms) = read_authentication(&mut stream);
    assert_eq!(kind, 10);
    (fake, stream, mechanisms)
}

fn send_first(stream: &mut SslStream<TcpStream>) -> (u32, String) {
    let first = format!("n,,{FIRST_BARE}");
    let mut body = b"SCRAM-SHA-256\0".to_vec();
    body.extend_from_slice(&u32::try_from(first.len()).unwrap().to_be_bytes());
    body.extend_from_slice(first.as_bytes());
    stream.write_all(&message(b'p', &body)).unwrap();
    let (kind, data) = read_authentication(stream);
    (kind, String::from_utf8(data).unwrap())
}

fn field<'a>(message: &'a str, name: &str) -> &'a str {
    message
        .split(',')
        .find_map(|part| part.strip_prefix(name))
        .unwrap()
}

/// Sends the final message (with nonsense for a proof: no fake looks at it) and returns the
/// expected server proof.
fn send_final(stream: &mut SslStream<TcpStream>, server_first: &str) -> String {
    let unproven = format!("c=biws,r={}", field(server_first, "r="));
    let proof = encode_block(&[7; 32]);
    stream
        .write_all(&message(b'p', format!("{unproven},p={proof}").as_bytes()))
        .unwrap();

    let mut salted = [0; 32];
    let salt = decode_block(field(server_first, "s=")).unwrap();
    let rounds = field(server_first, "i=").parse().unwrap();
    openssl::pkcs5::pbkdf2_hmac(
        FAKE_PASSWORD.as_bytes(),
        &salt,
        rounds,
        MessageDigest::sha256(),
        &mut salted,
    )
    .unwrap();
    let auth_message = format!("{FIRST_BARE},{server_first},{unproven}");
    format!(
        "v={}",
        encode_block(&hmac(
            &hmac(&salted, b"Server Key"),
            auth_message.as_bytes()
        ))
    )
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = PKey::hmac(key).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    signer.update(text).unwrap();
    signer.sign_to_vec().unwrap()
}

fn final_of(script: PostgresScript) -> (u32, String, String) {
    let (_fake, mut stream, _) = start(script);
    let (kind, server_first) = send_first(&mut stream);
    assert_eq!(kind, 11);
    let expected = send_final(&mut stream, &server_first);
    let (kind, server_final) = read_authentication(&mut stream);
    (kind, String::from_utf8(server_final).unwrap(), expected)
}

#[test]
fn an_honest_fake_offers_plus_and_proves_itself() {
    let (fake, mut stream, mechanisms) = start(PostgresScript::Honest);
    assert_eq!(mechanisms, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
    let (_, server_first) = send_first(&mut stream);
    assert!(field(&server_first, "r=").starts_with("rOprNGfwEbeRWgbNEkqO"));
    let expected = send_final(&mut stream, &server_first);
    assert_eq!(
        read_authentication(&mut stream),
        (12, expected.into_bytes())
    );
    assert_eq!(read_authentication(&mut stream).0, 0);
    assert!(
        fake.events()
            .contains(&Event::ScramMechanism("SCRAM-SHA-256".into()))
    );
    assert!(fake.events().contains(&Event::LoggedIn));
}

#[test]
fn a08_plus_is_stripped_from_the_list() {
    let (_fake, _stream, mechanisms) = start(PostgresScript::Scram(ScramFault::PlusStripped));
    assert_eq!(mechanisms, b"SCRAM-SHA-256\0\0");
    let (_fake, _stream, mechanisms) = start(PostgresScript::Scram(ScramFault::UnknownMechanism));
    assert_eq!(mechanisms, b"SCRAM-FAKE-1\0\0");
}

#[test]
fn a09_a_wrong_proof_differs_from_the_right_one() {
    let (kind, sent, expected) = final_of(PostgresScript::Scram(ScramFault::WrongProof));
    assert_eq!(kind, 12);
    assert!(sent.starts_with("v=") && sent.len() == expected.len());
    assert_ne!(sent, expected);
}

#[test]
fn a09_the_proof_is_left_out() {
    let (kind, sent, _) = final_of(PostgresScript::Scram(ScramFault::OkWithoutProof));
    assert_eq!((kind, sent.as_str()), (0, ""));

    let (_fake, mut stream, _) = start(PostgresScript::Scram(ScramFault::OkAfterFirst));
    assert_eq!(send_first(&mut stream).0, 0);
}

#[test]
fn a09_an_error_stands_in_for_the_proof_and_the_nonce_may_be_foreign() {
    let error = ScramFault::ErrorProof("invalid-proof".into());
    let (kind, sent, _) = final_of(PostgresScript::Scram(error));
    assert_eq!((kind, sent.as_str()), (12, "e=invalid-proof"));

    let (_fake, mut stream, _) = start(PostgresScript::Scram(ScramFault::ForeignNonce));
    let (_, server_first) = send_first(&mut stream);
    assert!(!field(&server_first, "r=").starts_with("rOprNGfwEbeRWgbNEkqO"));
}

#[test]
fn a10_iterations_are_claimed_as_told_and_kept_where_they_can_be() {
    for claimed in [1_u64 << 31, (1 << 31) - 1, 4095, 1] {
        let script = PostgresScript::Scram(ScramFault::Iterations(claimed));
        let (_fake, mut stream, _) = start(script.clone());
        let (_, server_first) = send_first(&mut stream);
        assert_eq!(field(&server_first, "i="), claimed.to_string());
        if claimed < 10_000 {
            let (_, sent, expected) = final_of(script);
            assert_eq!(sent, expected);
        }
    }
}
