use super::*;
use crate::http::Route;
use crate::sealed::Sealed;

/// The route of requests for files.
const FILES: Route = Route { blocks: false, only_reads: true, wants_body: false, ..Route::ANY };

#[derive(Clone)]
struct Files;

impl BaseHttpRequestHandler for Files {
    fn routes(&self, _: Sealed) -> Routes {
        Routes::One(FILES)
    }
}

struct Calm;

impl BaseHttpRequestHandler for Calm {
    fn may_block(&self) -> bool {
        false
    }
}

struct Other;

impl BaseHttpRequestHandler for Other {}

fn router() -> Router {
    Router::new()
        .mount("/files", Files)
        .handle("/one", Files)
        .handle("/made", || Files)
        .handle("/calm", || Calm)
        .handle("/other", || Other)
        .get("/get", |_| Ok(()))
}

fn route(router: &Router, method: &str, path: &str) -> Route {
    let found = router.routes(Sealed::TOKEN).find(method.as_bytes(), path);
    Route { leaf: 0, ..found }
}

#[test]
fn each_request_has_the_route_of_what_it_leads_to() {
    let inner = router();
    let outer = Router::new().nest("/in", router()).nest("/deep", Router::new().nest("/er", router()));
    for (prefix, router) in [("", &inner), ("/in", &outer), ("/deep/er", &outer)] {
        for (method, path, expected) in [
            ("GET", "/files/a/b", FILES),
            ("PUT", "/files/", FILES),
            ("GET", "/files", FILES),
            ("GET", "/one", FILES),
            // The factory may be user code.
            ("GET", "/made", Route { only_reads: false, ..FILES }),
            ("GET", "/calm", Route { blocks: false, ..Route::ANY }),
            ("GET", "/other", Route::ANY),
            ("GET", "/get", Route::ANY),
            ("HEAD", "/get", Route::ANY),
            // These are answered with 405 or 404.
            ("PUT", "/get", tree::UNANSWERED),
            ("OPTIONS", "/get", tree::UNANSWERED),
            ("GET", "/none", tree::UNANSWERED),
        ] {
            let path = format!("{prefix}{path}");
            assert_eq!(route(router, method, &path), expected, "{method} {path}");
        }
    }
}

#[test]
fn hooks_and_fallbacks_may_do_anything_unless_they_only_read() {
    let before = || router().before(|_| Ok(()));
    let after = || router().after(|_, _| ());
    assert_eq!(route(&before(), "GET", "/files/a"), Route::ANY);
    assert_eq!(route(&after(), "GET", "/none"), Route::ANY);
    assert_eq!(route(&Router::new().nest("/x", before()), "GET", "/x/files/a"), Route::ANY);
    assert_eq!(route(&before().hooks_only_read(), "GET", "/files/a"), FILES);
    assert_eq!(route(&after().hooks_only_read(), "GET", "/other"), Route::ANY);
    let fallback = router().fallback(|_| Ok(()));
    assert_eq!(route(&fallback, "GET", "/none"), Route::ANY);
    assert_eq!(route(&fallback, "GET", "/files/a"), FILES);
}
