use std::env;

use crate::transport::Memory;

use super::*;

/// Returns a head of 300 bytes and the first `length` bytes of a longer file, both unsent.
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
        assert_eq!(pending.send(&transport, &Config::default()).unwrap(), Sent::Yield);
        assert_eq!(transport.take_output().len() as u64, FILE_PIECE);
    }
    assert_eq!(pending.send(&transport, &Config::default()).unwrap(), Sent::All);
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
        assert_eq!(pending.send(&transport, &Config::default()).unwrap(), sent, "{length}");
    }
}

/// A response that fits into one piece is sent at once, so a check of the file after that would be
/// too late.
#[test]
fn a_file_is_looked_at_before_its_only_piece_leaves() {
    let path = env::temp_dir().join(format!("serve_forever_moved_{}", std::process::id()));
    std::fs::write(&path, vec![b'a'; 100_000]).unwrap();
    let file = Arc::new(File::open(&path).unwrap());
    let stamp = Stamp::of(&file).unwrap();
    let expected = Some(Expected { stamp, may_grow: false });
    let sent = || {
        let attachment =
            Attachment::File { file: Arc::clone(&file), offset: 0, left: 100_000, tail: b"", expected };
        let head = vec![b'h'; 300];
        let mut pending = Pending::new(head, 0, Some(attachment), SourceFraming::Length(100_000), None);
        let transport = Transport::memory(Memory::new(Vec::new()));
        (pending.send(&transport, &Config::default()).is_ok(), transport.take_output().len())
    };
    assert_eq!(sent(), (true, 100_300));
    File::options().append(true).open(&path).unwrap().set_len(100_001).unwrap();
    assert_eq!(sent(), (false, 300));
    std::fs::remove_file(&path).unwrap();
}
