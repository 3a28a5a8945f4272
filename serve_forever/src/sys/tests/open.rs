//! Reading files.

use std::fs::{self, File};

use crate::sys::read_at;

#[test]
fn a_file_is_read_at_any_offset() {
    let path = std::env::temp_dir().join(format!("serve_forever-read-{}", std::process::id()));
    fs::write(&path, b"0123456789").unwrap();
    let file = File::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let mut buffer = [0; 4];
    assert_eq!((read_at(&file, &mut buffer, 3).unwrap(), &buffer), (4, b"3456"));
    assert_eq!(read_at(&file, &mut buffer, 8).unwrap(), 2);
    assert_eq!(&buffer[..2], b"89");
    assert_eq!(read_at(&file, &mut buffer, 10).unwrap(), 0);
    assert_eq!(read_at(&file, &mut buffer, u64::from(u32::MAX) + 1).unwrap(), 0);
    assert_eq!(read_at(&file, &mut [], 0).unwrap(), 0);
}
