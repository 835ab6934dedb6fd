/** The models on this machine: where they live, how the default one is fetched, how they go. */
@NullMarked
package org.gatun.store;

import org.jspecify.annotations.NullMarked;
