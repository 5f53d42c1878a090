//! How a run ended.

#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub text: String,
}

impl Outcome {
    #[track_caller]
    pub fn expect(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self.text
    }
}
