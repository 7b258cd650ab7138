//! Defines the attribute `budget` and the macro `assert_budget!`, which `isotest_core` re-exports and documents. The
//! attribute writes a record into a section of the test binary, whose format the module `isotest_core::budget`
//! states; the macro calls that crate.
//!
//! The tokens of the record have the place of the call as their span, never that of the user's item: only so does a crate
//! that forbids unsafe code take the attribute that names the section.

mod assertion;
mod budget;
mod item;
mod quantity;

use proc_macro::{Delimiter, Group, Literal, Span, TokenStream, TokenTree};

/// Declares the most that a test may use; see `isotest_core::budget`.
#[proc_macro_attribute]
pub fn budget(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let record =
        item::function_of(item.clone()).and_then(|function| Ok(record(&budget::read(arguments)?, &function)));
    // The function is kept even if the budget is wrong, so that the compiler complains of the budget only.
    [item, record.unwrap_or_else(Complaint::into_tokens)].into_iter().collect()
}

/// Asserts what a test has used up to now; see `isotest_core::inside`.
#[proc_macro]
pub fn assert_budget(arguments: TokenStream) -> TokenStream {
    assertion::read(arguments).unwrap_or_else(Complaint::into_tokens)
}

/// Compile error: its text and the place where it is shown.
#[derive(Debug)]
struct Complaint {
    what: String,
    at: Span,
}

impl Complaint {
    fn new(at: Span, what: impl Into<String>) -> Self {
        Self { what: what.into(), at }
    }

    fn into_tokens(self) -> TokenStream {
        let at = |token: TokenTree| {
            let mut token = token;
            token.set_span(self.at);
            token
        };
        let text = TokenStream::from(at(Literal::string(&self.what).into()));
        let mut tokens: Vec<TokenTree> =
            "::core::compile_error!".parse::<TokenStream>().unwrap_or_default().into_iter().map(at).collect();
        tokens.push(at(Group::new(Delimiter::Brace, text).into()));
        tokens.into_iter().collect()
    }
}

/// Returns the record of a function, as a constant without name.
fn record(budget: &budget::Budget, function: &str) -> TokenStream {
    let text = format!(
        concat!(
            "#[cfg(all(test, target_os = \"linux\"))]",
            "const _: () = {{",
            "    const RECORD: &[u8] = ::core::concat!(",
            "        \"1{budget} line=\", ::core::line!(), \" name=\", ::core::module_path!(),",
            "        \"::{function} file=\", ::core::file!(), \"\\0\"",
            "    ).as_bytes();",
            "    #[used]",
            "    #[unsafe(link_section = \"isotest_budget\")]",
            "    static ENTRY: [u8; RECORD.len()] = match RECORD.first_chunk() {{",
            "        ::core::option::Option::Some(bytes) => *bytes,",
            "        ::core::option::Option::None => [0; RECORD.len()],",
            "    }};",
            "}};",
        ),
        budget = budget,
        function = function,
    );
    // Parsing cannot fail: only numbers and an identifier were put into the text.
    text.parse().unwrap_or_default()
}
