//! Greeting and authentication as a fake MySQL server does them.

use super::super::fault::Stage;
use super::super::link::Played;
use super::super::seen::Event;
use super::wire::{
    CLIENT_SSL, mysql_auth_switch, mysql_error, mysql_frame, mysql_greeting, mysql_packet,
};
use super::{Act, CACHING_SHA2, GreetingFault, MySqlScript, NATIVE};

/// The length of a request for TLS; a handshake response is longer.
const TLS_REQUEST: usize = 32;

impl Act<'_> {
    pub(super) fn greet(&mut self) -> Played {
        let tls = self.acceptor.is_some() && *self.script != MySqlScript::RefuseTls;
        let version = self.persona.version.as_deref().unwrap_or("8.4.6");
        let greeting = mysql_greeting(version, self.plugin(), tls);
        self.sequence = 1;
        match self.script {
            MySqlScript::ErrorGreeting { code, text } => {
                self.link
                    .send(&mysql_packet(0, &mysql_error(*code, None, text)))?;
                self.link.hold()
            }
            MySqlScript::Greeting(fault) => self.spoil(*fault, greeting),
            MySqlScript::Inject(extra) => {
                let glued = [mysql_packet(0, &greeting).as_slice(), extra].concat();
                Ok(self.link.send(&glued)?)
            }
            _ => Ok(self.link.send(&mysql_packet(0, &greeting))?),
        }
    }

    /// Reads up to the handshake response, through TLS if the client asks for it.
    pub(super) fn negotiate(&mut self) -> Played {
        let payload = self.read()?;
        let flags = payload
            .first_chunk()
            .map_or(0, |flags| u32::from_le_bytes(*flags));
        let acceptor = match self.acceptor {
            Some(acceptor) if payload.len() == TLS_REQUEST && flags & CLIENT_SSL != 0 => acceptor,
            _ => return Ok(()),
        };
        self.link.note(Event::TlsRequested);
        if matches!(
            self.script,
            MySqlScript::Break {
                at: Stage::Hello,
                ..
            } | MySqlScript::Flood {
                at: Stage::Hello,
                ..
            }
        ) {
            self.link.swallow_hello()?;
            self.reach(Stage::Hello)?;
        }
        let drip = match self.script {
            MySqlScript::Drip(every) => Some(*every),
            _ => None,
        };
        self.link.secure(acceptor, drip)?;
        self.reach(Stage::Secured)?;
        self.read()?;
        Ok(())
    }

    /// Demands what the script demands; any answer is good.
    pub(super) fn authenticate(&mut self) -> Played {
        match self.script {
            MySqlScript::SwitchTo(plugin) => {
                self.send(&mysql_auth_switch(plugin))?;
                self.take_answer(plugin == "mysql_clear_password")
            }
            MySqlScript::OldSwitch => {
                self.send(&[0xfe])?;
                self.take_answer(false)
            }
            // Whoever goes on without TLS is tempted as far as it goes.
            MySqlScript::RefuseTls => {
                self.send(&mysql_auth_switch("mysql_clear_password"))?;
                self.take_answer(true)
            }
            MySqlScript::FullAuthentication => {
                self.send(&[1, 4])?;
                self.take_answer(true)
            }
            MySqlScript::SwitchToFullAuthentication => {
                self.send(&mysql_auth_switch(CACHING_SHA2))?;
                self.take_answer(false)?;
                self.send(&[1, 4])?;
                self.take_answer(true)
            }
            _ if self.plugin() == CACHING_SHA2 => self.send(&[1, 3]),
            _ => Ok(()),
        }
    }

    fn plugin(&self) -> &'static str {
        match self.script {
            MySqlScript::HonestNative | MySqlScript::OldSwitch => NATIVE,
            _ => CACHING_SHA2,
        }
    }

    fn take_answer(&mut self, clear: bool) -> Played {
        let mut answer = self.read()?;
        // The byte 2 alone asks for the server's RSA key and gives nothing away.
        if clear && answer != [2] {
            if answer.last() == Some(&0) {
                answer.pop();
            }
            self.link.note(Event::ClearPassword(answer));
        } else if !clear {
            self.link.note(Event::HashedPassword(answer));
        }
        Ok(())
    }

    fn spoil(&mut self, fault: GreetingFault, mut greeting: Vec<u8>) -> Played {
        let bytes = match fault {
            GreetingFault::Short(kept) => {
                greeting.truncate(kept);
                mysql_packet(0, &greeting)
            }
            GreetingFault::Cut(kept) => {
                let mut packet = mysql_packet(0, &greeting);
                packet.truncate(4 + kept);
                self.link.send(&packet)?;
                return self.link.finish();
            }
            GreetingFault::Sequence(number) => mysql_packet(number, &greeting),
            GreetingFault::Length(length) => mysql_frame(0, length, &greeting),
            GreetingFault::Protocol(version) => {
                if let Some(first) = greeting.first_mut() {
                    *first = version;
                }
                mysql_packet(0, &greeting)
            }
        };
        self.link.send(&bytes)?;
        self.link.hold()
    }
}
