//! Walking PostgreSQL's message headers in a stream of bytes that is cut anywhere.

/// A message body that is looked into is never longer than this. Servers send far less before a
/// session is ready.
const BODY_LIMIT: usize = 64 * 1024;
/// Tag and length.
const HEADER: usize = 5;

/// One step of the walk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen<'a> {
    /// A message begins: its tag and the length of its body.
    Begin(u8, usize),
    /// A message is complete whose body was wanted.
    Body(u8, &'a [u8]),
}

/// A length below 4, or one that was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Splits a stream into messages and hands out the bodies that are asked for.
#[derive(Debug, Default)]
pub(super) struct Walker {
    /// The header so far, or that of the message whose body is still coming.
    header: [u8; HEADER],
    header_len: usize,
    /// Body bytes still to come.
    remaining: usize,
    /// The body so far, where it is wanted and came in pieces.
    body: Option<Vec<u8>>,
}

impl Walker {
    /// A stream that begins with a message without a tag, as the client's start-up message is.
    pub(super) fn untagged() -> Self {
        Self {
            header_len: 1,
            ..Self::default()
        }
    }

    /// Walks over `bytes`. `visit` sees each message begin and answers whether it wants the body;
    /// an error from it ends the walk.
    pub(super) fn feed<E: From<Malformed>>(
        &mut self,
        mut bytes: &[u8],
        mut visit: impl FnMut(Seen<'_>) -> Result<bool, E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            bytes = if self.remaining > 0 {
                self.go_on(bytes, &mut visit)?
            } else if self.header_len == 0
                && let Some((header, rest)) = bytes.split_first_chunk()
            {
                self.begin(*header, rest, &mut visit)?
            } else {
                let (part, rest) = bytes.split_at(bytes.len().min(HEADER - self.header_len));
                self.header[self.header_len..][..part.len()].copy_from_slice(part);
                self.header_len += part.len();
                if self.header_len < HEADER {
                    return Ok(());
                }
                self.header_len = 0;
                self.begin(self.header, rest, &mut visit)?
            };
        }
        Ok(())
    }

    /// A message begins: its header is whole, and `rest` is what came after that. Gives back what
    /// belongs to the next. A message that came in one piece is not stored.
    fn begin<'a, E: From<Malformed>>(
        &mut self,
        header: [u8; HEADER],
        rest: &'a [u8],
        visit: &mut impl FnMut(Seen<'_>) -> Result<bool, E>,
    ) -> Result<&'a [u8], E> {
        let [tag, length @ ..] = header;
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| Malformed)?;
        // The length counts itself.
        let length = length.checked_sub(4).ok_or(Malformed)?;
        let wanted = visit(Seen::Begin(tag, length))?;
        if wanted && length > BODY_LIMIT {
            return Err(Malformed.into());
        }
        let Some((body, next)) = rest.split_at_checked(length) else {
            self.header = header;
            self.remaining = length;
            self.body = wanted.then(|| Vec::with_capacity(length));
            return self.go_on(rest, visit);
        };
        if wanted {
            visit(Seen::Body(tag, body))?;
        }
        Ok(next)
    }

    /// A message goes on. Gives back what belongs to the next.
    fn go_on<'a, E: From<Malformed>>(
        &mut self,
        bytes: &'a [u8],
        visit: &mut impl FnMut(Seen<'_>) -> Result<bool, E>,
    ) -> Result<&'a [u8], E> {
        let (part, next) = bytes.split_at(bytes.len().min(self.remaining));
        if let Some(body) = &mut self.body {
            body.extend_from_slice(part);
        }
        self.remaining -= part.len();
        if self.remaining == 0
            && let Some(body) = self.body.take()
        {
            visit(Seen::Body(self.header[0], &body))?;
        }
        Ok(next)
    }
}

/// A message as it stands in a stream.
#[cfg(test)]
pub(super) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::{Malformed, Seen, Walker, message};

    #[test]
    fn messages_are_found_wherever_the_stream_is_cut() {
        let stream = [
            message(b'Z', b"I"),
            message(b'1', b""),
            message(b'D', &[7; 300]),
            message(b'Z', b"T"),
        ]
        .concat();
        for chunk in 1..stream.len() {
            let (mut begun, mut bodies) = (Vec::new(), Vec::new());
            let mut walker = Walker::default();
            for bytes in stream.chunks(chunk) {
                let fed = walker.feed::<Malformed>(bytes, |seen| {
                    match seen {
                        Seen::Begin(tag, length) => begun.push((tag, length)),
                        Seen::Body(_, body) => bodies.push(body.to_vec()),
                    }
                    Ok(matches!(seen, Seen::Begin(b'Z' | b'1', _)))
                });
                assert_eq!(fed, Ok(()));
            }
            assert_eq!(
                begun,
                [(b'Z', 1), (b'1', 0), (b'D', 300), (b'Z', 1)],
                "cut every {chunk} bytes"
            );
            assert_eq!(bodies, [b"I".to_vec(), vec![], b"T".to_vec()]);
        }
    }

    #[test]
    fn an_untagged_first_message_is_passed() {
        let mut walker = Walker::untagged();
        let stream = [&9u32.to_be_bytes()[..], &[1; 5], &message(b'Q', b"x")].concat();
        let mut tags = Vec::new();
        let fed = walker.feed::<Malformed>(&stream, |seen| {
            if let Seen::Begin(tag, _) = seen {
                tags.push(tag);
            }
            Ok(false)
        });
        assert_eq!((fed, tags), (Ok(()), vec![0, b'Q']));
    }

    #[test]
    fn a_length_that_does_not_count_itself_is_refused() {
        let mut walker = Walker::default();
        assert_eq!(
            walker.feed::<Malformed>(&[b'Z', 0, 0, 0, 3], |_| Ok(false)),
            Err(Malformed)
        );
    }

    #[test]
    fn a_wanted_body_that_is_huge_is_refused_before_it_is_stored() {
        let mut walker = Walker::default();
        assert_eq!(
            walker.feed::<Malformed>(&[b'R', 0x7f, 0xff, 0xff, 0xff], |_| Ok(true)),
            Err(Malformed)
        );
    }
}
