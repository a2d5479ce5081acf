//! The ciphers of Shadowsocks: SIP004 (AEAD, with a key made of a password) and SIP022 (2022 edition, with random keys).

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::array::Array;
use aes_gcm::aead::consts::U12;
use aes_gcm::aes::Aes192;
use chacha20::{R20, hchacha};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305};
use ring::aead::{Algorithm, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA1_FOR_LEGACY_USE_ONLY, KeyType, Salt};

/// What each sealed piece has at its end.
pub const TAG: usize = 16;
/// The longest key, and salt.
const MAX_KEY: usize = 32;
const NONCE: usize = 12;
/// Of the longest nonce; shorter ones are its beginning.
pub const LONG_NONCE: usize = 24;

/// How a node's bytes are kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    Aes128Gcm,
    Aes192Gcm,
    Aes256Gcm,
    Chacha20Poly1305,
    XChacha20Poly1305,
    Blake3Aes128Gcm,
    Blake3Aes256Gcm,
    Blake3Chacha20Poly1305,
}

impl Method {
    /// By its usual name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "aes-128-gcm" => Self::Aes128Gcm,
            "aes-192-gcm" => Self::Aes192Gcm,
            "aes-256-gcm" => Self::Aes256Gcm,
            "chacha20-ietf-poly1305" => Self::Chacha20Poly1305,
            "xchacha20-ietf-poly1305" => Self::XChacha20Poly1305,
            "2022-blake3-aes-128-gcm" => Self::Blake3Aes128Gcm,
            "2022-blake3-aes-256-gcm" => Self::Blake3Aes256Gcm,
            "2022-blake3-chacha20-poly1305" => Self::Blake3Chacha20Poly1305,
            _ => return None,
        })
    }

    /// Bytes of its keys; salts have as many.
    pub fn key_length(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Blake3Aes128Gcm => 16,
            Self::Aes192Gcm => 24,
            _ => MAX_KEY,
        }
    }

    pub fn is_2022(self) -> bool {
        matches!(
            self,
            Self::Blake3Aes128Gcm | Self::Blake3Aes256Gcm | Self::Blake3Chacha20Poly1305
        )
    }

    /// Whether a user can be named behind the server's own key (SIP023, with blocks of AES).
    pub fn has_identities(self) -> bool {
        matches!(self, Self::Blake3Aes128Gcm | Self::Blake3Aes256Gcm)
    }
}

enum Cipher {
    Ring(Box<LessSafeKey>),
    Aes192(Box<aes_gcm::AesGcm<Aes192, U12>>),
    XChacha([u8; MAX_KEY]),
}

/// One key, for sealing and opening with nonces that are never used twice.
pub struct Key(Cipher);

impl Key {
    /// Of a key of the method's length.
    pub fn new(method: Method, key: &[u8]) -> Self {
        let ring = |algorithm: &'static Algorithm| {
            // The lengths are those of the methods.
            let key = UnboundKey::new(algorithm, key).unwrap_or_else(|_| wrong_length());
            Cipher::Ring(Box::new(LessSafeKey::new(key)))
        };
        Self(match method {
            Method::Aes128Gcm | Method::Blake3Aes128Gcm => ring(&AES_128_GCM),
            Method::Aes256Gcm | Method::Blake3Aes256Gcm => ring(&AES_256_GCM),
            Method::Chacha20Poly1305 | Method::Blake3Chacha20Poly1305 => ring(&CHACHA20_POLY1305),
            Method::Aes192Gcm => Cipher::Aes192(Box::new(
                KeyInit::new_from_slice(key).unwrap_or_else(|_| wrong_length()),
            )),
            Method::XChacha20Poly1305 => {
                Cipher::XChacha(key.try_into().unwrap_or_else(|_| wrong_length()))
            }
        })
    }

    /// XChaCha20-Poly1305, whatever the method: datagrams of 2022-blake3-chacha20-poly1305.
    pub fn extended(key: &[u8]) -> Self {
        Self::new(Method::XChacha20Poly1305, key)
    }

    /// The key of one connection or datagram (SIP004, SIP022).
    pub fn of_session(method: Method, key: &[u8], salt: &[u8]) -> Self {
        if method.is_2022() {
            let subkey = derived("shadowsocks 2022 session subkey", key, salt);
            return Self::new(method, &subkey[..method.key_length()]);
        }
        let mut subkey = [0; MAX_KEY];
        let subkey = &mut subkey[..method.key_length()];
        let extracted = Salt::new(HKDF_SHA1_FOR_LEGACY_USE_ONLY, salt).extract(key);
        let filled = extracted
            .expand(&[b"ss-subkey"], Length(subkey.len()))
            .and_then(|expanded| expanded.fill(subkey));
        filled.unwrap_or_else(|_| wrong_length());
        Self::new(method, subkey)
    }

    /// Seals what stands in `wire` from `from` on, and puts the tag behind it. Of the nonce as much is used as the cipher has.
    pub fn seal(&self, nonce: &[u8; LONG_NONCE], wire: &mut Vec<u8>, from: usize) {
        let bytes = &mut wire[from..];
        let tag: [u8; TAG] = match &self.0 {
            Cipher::Ring(key) => seal_by(key, &short(nonce), bytes),
            Cipher::XChacha(key) => {
                let (key, nonce) = extended(key, nonce);
                seal_by(&key, &nonce, bytes)
            }
            Cipher::Aes192(cipher) => {
                let sealed = cipher.encrypt_inout_detached(&Array(short(nonce)), &[], bytes.into());
                sealed.unwrap_or_else(|_| wrong_length()).into()
            }
        };
        wire.extend_from_slice(&tag);
    }

    /// Opens what has its tag at its end; the length of what was in it. `None` if it was sealed by another key.
    pub fn open(&self, nonce: &[u8; LONG_NONCE], bytes: &mut [u8]) -> Option<usize> {
        match &self.0 {
            Cipher::Ring(key) => open_by(key, &short(nonce), bytes),
            Cipher::XChacha(key) => {
                let (key, nonce) = extended(key, nonce);
                open_by(&key, &nonce, bytes)
            }
            Cipher::Aes192(cipher) => {
                let length = bytes.len().checked_sub(TAG)?;
                let (sealed, tag) = bytes.split_at_mut(length);
                let tag = Array(<[u8; TAG]>::try_from(&*tag).ok()?);
                let nonce = Array(short(nonce));
                let opened = cipher.decrypt_inout_detached(&nonce, &[], sealed.into(), &tag);
                opened.ok().map(|()| length)
            }
        }
    }
}

fn seal_by(key: &LessSafeKey, nonce: &[u8; NONCE], bytes: &mut [u8]) -> [u8; TAG] {
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let sealed = key.seal_in_place_separate_tag(nonce, Aad::empty(), bytes);
    let mut tag = [0; TAG];
    tag.copy_from_slice(sealed.unwrap_or_else(|_| wrong_length()).as_ref());
    tag
}

fn open_by(key: &LessSafeKey, nonce: &[u8; NONCE], bytes: &mut [u8]) -> Option<usize> {
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let opened = key.open_in_place(nonce, Aad::empty(), bytes);
    opened.ok().map(|plain| plain.len())
}

fn short(nonce: &[u8; LONG_NONCE]) -> [u8; NONCE] {
    let mut short = [0; NONCE];
    short.copy_from_slice(&nonce[..NONCE]);
    short
}

/// XChaCha20: a key of the first 16 bytes of the nonce, and a nonce of the others (draft-irtf-cfrg-xchacha-03, 2.3).
fn extended(key: &[u8; MAX_KEY], nonce: &[u8; LONG_NONCE]) -> (LessSafeKey, [u8; NONCE]) {
    let mut head = [0; 16];
    head.copy_from_slice(&nonce[..16]);
    let subkey = hchacha::<R20>(&Array(*key), &Array(head));
    let subkey = UnboundKey::new(&CHACHA20_POLY1305, &subkey);
    let mut tail = [0; NONCE];
    tail[4..].copy_from_slice(&nonce[16..]);
    let subkey = subkey.unwrap_or_else(|_| wrong_length());
    (LessSafeKey::new(subkey), tail)
}

/// A key whose nonce counts (little-endian) the pieces that it has sealed or opened.
pub struct Counting {
    key: Key,
    nonce: [u8; LONG_NONCE],
}

impl Counting {
    pub fn new(key: Key) -> Self {
        Self {
            key,
            nonce: [0; LONG_NONCE],
        }
    }

    /// See `Key::seal`.
    pub fn seal(&mut self, wire: &mut Vec<u8>, from: usize) {
        self.key.seal(&self.nonce, wire, from);
        self.count();
    }

    /// See `Key::open`.
    pub fn open(&mut self, bytes: &mut [u8]) -> Option<usize> {
        let opened = self.key.open(&self.nonce, bytes);
        self.count();
        opened
    }

    fn count(&mut self) {
        for byte in &mut self.nonce[..NONCE] {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                return;
            }
        }
    }
}

/// BLAKE3 of a key and a salt, for a purpose (SIP022, 2.2).
pub fn derived(purpose: &'static str, key: &[u8], salt: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(purpose);
    hasher.update(key).update(salt);
    hasher.finalize().into()
}

/// What a user's key is known by (SIP023).
pub fn identity_of(key: &[u8]) -> [u8; 16] {
    let hash: [u8; 32] = blake3::hash(key).into();
    let mut head = [0; 16];
    head.copy_from_slice(&hash[..16]);
    head
}

/// One block of AES, with a key of 16 or 32 bytes.
pub fn encrypt_block(key: &[u8], block: &mut [u8; 16]) {
    let block = Array::cast_from_core_mut(block);
    match key.len() {
        16 => aes::Aes128::new_from_slice(key).map(|cipher| cipher.encrypt_block(block)),
        _ => aes::Aes256::new_from_slice(key).map(|cipher| cipher.encrypt_block(block)),
    }
    .unwrap_or_else(|_| wrong_length());
}

/// The other way round.
pub fn decrypt_block(key: &[u8], block: &mut [u8; 16]) {
    let block = Array::cast_from_core_mut(block);
    match key.len() {
        16 => aes::Aes128::new_from_slice(key).map(|cipher| cipher.decrypt_block(block)),
        _ => aes::Aes256::new_from_slice(key).map(|cipher| cipher.decrypt_block(block)),
    }
    .unwrap_or_else(|_| wrong_length());
}

/// Keys have the length of their method (`Method::key_length`), and pieces the ciphers' at most.
fn wrong_length<T>() -> T {
    unreachable!("a key or a piece of another length")
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
