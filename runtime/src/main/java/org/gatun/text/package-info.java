/**
 * Text in and out of a model: tokenizers (SentencePiece-style and byte-level BPE), incremental
 * UTF-8 detokenizing and chat templates.
 */
@NullMarked
package org.gatun.text;

import org.jspecify.annotations.NullMarked;
