use std::env;

use crate::transport::Memory;

use super::*;

/// A head of 300 octets and the first `length` of a file that is longer.
fn pending(length: u64) -> Pending {
    let file = File::open(env::current_exe().unwrap()).unwrap();
    assert!(file.metadata().unwrap().len() > length);
    let attachment =
        Attachment::File { file: Arc::new(file), offset: 0, left: length, tail: b"", expected: None };
    Pending::new(vec![b'h'; 300], 0, Some(attachment), SourceFraming::Length(length), None)
}

#[test]
fn a_turn_sends_so_much_of_a_file_and_its_head() {
    let (mut pending, transport) = (pending(3 * FILE_PIECE), Transport::memory(Memory::new(Vec::new())));
    for _ in 0..3 {
        assert_eq!(pending.send(&transport).unwrap(), Sent::Yield);
        assert_eq!(transport.take_output().len() as u64, FILE_PIECE);
    }
    assert_eq!(pending.send(&transport).unwrap(), Sent::All);
    assert_eq!(transport.take_output().len(), 300);
}

#[test]
fn a_file_that_fits_into_a_turn_with_its_head_is_not_long() {
    for (length, is_long) in
        [(1, false), (FILE_PIECE - 300, false), (FILE_PIECE - 299, true), (FILE_PIECE, true)]
    {
        let (mut pending, transport) = (pending(length), Transport::memory(Memory::new(Vec::new())));
        assert_eq!(pending.is_long_file(), is_long, "{length}");
        let sent = if is_long { Sent::Yield } else { Sent::All };
        assert_eq!(pending.send(&transport).unwrap(), sent, "{length}");
    }
}
