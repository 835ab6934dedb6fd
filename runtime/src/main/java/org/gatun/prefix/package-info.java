/**
 * Fixed prefixes: reading a document once, clustering its keys, calibrating thresholds, and the
 * file that keeps all of it.
 */
package org.gatun.prefix;
