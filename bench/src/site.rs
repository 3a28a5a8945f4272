//! The directory that servers of files serve.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file whose cost is that of a request.
pub(crate) const SMALL: &str = "/small.txt";
pub(crate) const SMALL_LENGTH: usize = 1024;
/// A file that fills the buffers between server and client a few times.
pub(crate) const MEDIUM: &str = "/medium.bin";
pub(crate) const MEDIUM_LENGTH: usize = 100 * 1024;
/// What slow readers read.
pub(crate) const LARGE: &str = "/large.bin";
pub(crate) const LARGE_LENGTH: usize = 8 * 1024 * 1024;
/// A download.
pub(crate) const GIANT: &str = "/giant.bin";
pub(crate) const GIANT_LENGTH: usize = 1024 * 1024 * 1024;
/// So many different small files.
pub(crate) const MANY: usize = 10_000;
/// So many more: clients that choose among them seldom ask for the same one at the same time.
pub(crate) const SEVERAL: usize = 500;

/// How long ago the files were last changed: what has just been changed may change again within the
/// same tick, and a careful server treats it differently.
const AGE: Duration = Duration::from_secs(3600);
/// The giant file is made of blocks of this length.
const BLOCK: usize = 1024 * 1024;
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

pub(crate) struct Site {
    root: PathBuf,
}

impl Site {
    /// Makes the directory and the files that cost nothing.
    pub(crate) fn new(root: PathBuf) -> io::Result<Self> {
        fs::create_dir(&root)?;
        let site = Self { root };
        site.write(SMALL, SMALL_LENGTH)?;
        site.write(MEDIUM, MEDIUM_LENGTH)?;
        site.write(LARGE, LARGE_LENGTH)?;
        Ok(site)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes [`GIANT`], if it is not there yet.
    pub(crate) fn add_giant(&self) -> io::Result<()> {
        if self.file(GIANT).exists() {
            return Ok(());
        }
        let file = File::create(self.file(GIANT))?;
        // Random, so that neither the file system nor the memory of a virtual machine makes less of
        // it than it is.
        let mut random = SEED;
        let mut block = vec![0; BLOCK];
        for _ in 0..GIANT_LENGTH / BLOCK {
            for bytes in block.chunks_exact_mut(size_of::<u64>()) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                bytes.copy_from_slice(&random.to_ne_bytes());
            }
            (&file).write_all(&block)?;
        }
        // Else the disk would be busy with it while servers are measured.
        file.sync_all()?;
        age(&file)
    }

    /// Makes the files that [`many`] names, if they are not there yet.
    pub(crate) fn add_many(&self) -> io::Result<()> {
        self.add((0..MANY).map(many))
    }

    /// Makes the files that [`several`] names, if they are not there yet.
    pub(crate) fn add_several(&self) -> io::Result<()> {
        self.add((0..SEVERAL).map(|index| (several(index), SMALL_LENGTH)))
    }

    /// Files of one directory, which is made with the first.
    fn add(&self, files: impl Iterator<Item = (String, usize)>) -> io::Result<()> {
        for (index, (path, length)) in files.enumerate() {
            let file = self.file(&path);
            if index == 0 {
                let directory = file.parent().unwrap_or(&self.root);
                if directory.exists() {
                    return Ok(());
                }
                fs::create_dir(directory)?;
            }
            self.write(&path, length)?;
        }
        Ok(())
    }

    fn file(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, length: usize) -> io::Result<()> {
        let mut file = File::create(self.file(path))?;
        file.write_all(&vec![b'x'; length])?;
        age(&file)
    }
}

/// The path of one of [`SEVERAL`] files, all of [`SMALL_LENGTH`].
pub(crate) fn several(index: usize) -> String {
    format!("/several/{index:03}.txt")
}

/// The path and the length of one of [`MANY`] files: 1 to 8 KiB.
pub(crate) fn many(index: usize) -> (String, usize) {
    (format!("/many/{index:05}.txt"), 1024 * (1 + index % 8))
}

fn age(file: &File) -> io::Result<()> {
    file.set_modified(SystemTime::now() - AGE)
}
