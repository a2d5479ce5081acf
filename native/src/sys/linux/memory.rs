//! How the process's allocator keeps what was freed (mallopt(3), malloc_trim(3)). Only glibc has these knobs.

/// Blocks of this size and above are mapped each for itself, and unmapped when freed. Unless it is set, glibc raises it to the
/// size of whatever was freed, and large messages of an hour ago keep holes in the heap.
#[cfg(target_env = "gnu")]
const MAPPED_BYTES: i32 = 128 * 1024;
/// Free bytes at the end of the heap that are kept.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: i32 = 256 * 1024;
/// Arenas, each with holes of its own; threads that begin later share them.
#[cfg(target_env = "gnu")]
const ARENAS: i32 = 2;

/// Lets the allocator prefer little memory to the last bit of speed, for the life of the process.
pub fn prefer_little_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets parameters of the allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
    }
}

/// Gives free pages back to the kernel, also those between others. Takes some milliseconds, in which who allocates may wait.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim touches free memory only, under the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
