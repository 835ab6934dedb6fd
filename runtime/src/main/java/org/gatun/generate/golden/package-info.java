/**
 * Holds an engine to the answers of other engines (llama.cpp, Hugging Face transformers) that are
 * committed as goldens: the same checks for every backend.
 */
@NullMarked
package org.gatun.generate.golden;

import org.jspecify.annotations.NullMarked;
