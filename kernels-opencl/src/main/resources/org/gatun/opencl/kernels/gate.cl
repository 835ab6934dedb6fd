// How a product is gated: y = activate(x Wgᵀ) · x Wᵀ, GATED naming the activation (1 SiLU, 2 GELU
// in its tanh form). Both weights have one format, and a kernel forms both products (PRODUCTS 2);
// those of two formats are formed one by one, and gated_act follows.
#if GATED
#define PRODUCTS 2
#else
#define PRODUCTS 1
#endif
// For floats and vectors of them.
#if GATED == 2
#define ACTIVATE(g) \
  (0.5f * (g) * (1 + tanh(0.7978845608028654f * ((g) + 0.044715f * (g) * (g) * (g)))))
#else
#define ACTIVATE(g) ((g) / (1 + exp(-(g))))
#endif
