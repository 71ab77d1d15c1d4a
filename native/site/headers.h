// The response headers of a Nevus site, in one place: `nevus serve` sends them and `nevus site`
// writes them down for the common hosts.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nevus {

using Header = std::pair<std::string, std::string>;

/// Content-Security-Policy as a page's <meta> may state it: no other origin at all, no inline
/// script or style, no eval; compiling WebAssembly is the only concession.
std::string_view content_security_policy();

/// Headers of every response: CSP (with frame-ancestors, which only a header can say),
/// cross-origin isolation, nosniff, no referrer, of the devices only the camera and only for the
/// site itself (the browser asks its user all the same).
const std::vector<Header>& security_headers();

/// Whether the file's name carries its content's hash: `path` is relative to the site's root.
/// True for everything below assets/ and model/.
bool is_immutable(std::string_view path);

/// "public, max-age=31536000, immutable" for hashed names, ten minutes for sw.js, else "no-cache"
/// (ask, then reuse).
std::string_view cache_control(std::string_view path);

/// Media type by extension; "application/octet-stream" where unknown (and for .onnx).
std::string_view media_type(std::string_view path);

/// Whether compressing this kind of file is worth it.
bool is_compressible(std::string_view path);

/// Configuration files for hosts: name and text. `_headers` (Netlify, Cloudflare Pages),
/// nginx.conf, Caddyfile, .nojekyll (GitHub Pages).
std::vector<std::pair<std::string, std::string>> host_files();

}  // namespace nevus
