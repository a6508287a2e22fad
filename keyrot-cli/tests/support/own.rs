//! A credentials file.

use keyrot_core::KeyId;
use keyrot_core::memory::World;

/// Returns a file with this key in the default profile, and other content.
pub fn file_with(key: &str) -> String {
    let secret = World::secret_of(&KeyId::parse(key).unwrap());
    let secret = secret.expose();
    format!(
        "; mine\r\n[work]\naws_access_key_id = AKIAWORKWORKWORKWORK\n\n[default]\naws_secret_access_key={secret}\t# never share\n  \n\
         aws_access_key_id   =  {key}\nregion = eu-west-1\n[gone]\naws_session_token = x"
    )
}
