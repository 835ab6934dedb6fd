/**
 * JSON for the whole runtime: model configurations, tokenizers, safetensors headers and the CLI's
 * machine-readable output. One thin tree over Jackson's streaming core, with limits.
 */
@NullMarked
package org.gatun.json;

import org.jspecify.annotations.NullMarked;
