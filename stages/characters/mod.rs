//! What is known of Chinese characters, for the stages that have to tell text from garble.
//!
//! Not a stage: [`forms`] has each character's simplified form, script and readings, [`words`] how
//! likely one comes next in Chinese, [`frequencies`] how common each is in several languages, and
//! [`gbk`] the bytes of one encoding.

pub(super) mod forms;
pub(super) mod frequencies;
pub(super) mod gbk;
pub(super) mod words;
