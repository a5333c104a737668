// SubBytes and its inverse as Boolean circuits on bit planes: no table, so neither time nor cache tells the key.
//
// FIPS 197 section 5.1.1 makes a byte from its inverse in GF(2^8), by an affine map. Boyar and Peralta ("A new
// combinational logic minimization technique with applications to cryptology", 2010) give a circuit of that: linear,
// then an inversion in the tower field GF(((2^2)^2)^2), which is all there is of AND, then linear again. The inversion
// serves both directions; the linear parts of the inverse are ours: those of the paper with the inverse affine map,
// their common sums found by Paar's greedy search.
//
// The affine map's constant {63} is not here: it passes through ShiftRows and MixColumns as it is, and so is part of
// the round keys (aes.ts), in both directions.

export class SubBytes {
  /** Substitutes the bytes whose bits 0-7 lie in eight planes of 16 bytes at `planes`. */
  @inline
  static apply(planes: usize, inverse: bool): void {
    const u0 = v128.load(planes);
    const u1 = v128.load(planes, 16);
    const u2 = v128.load(planes, 32);
    const u3 = v128.load(planes, 48);
    const u4 = v128.load(planes, 64);
    const u5 = v128.load(planes, 80);
    const u6 = v128.load(planes, 96);
    const u7 = v128.load(planes, 112);

    // What the inversion works on: sums of the byte's bits.
    // prettier-ignore
    let y0: v128, y1: v128, y2: v128, y3: v128, y4: v128, y5: v128, y6: v128, y7: v128,
      y8: v128, y9: v128, y10: v128, y11: v128, y12: v128, y13: v128, y14: v128,
      y15: v128, y16: v128, y17: v128, y18: v128, y19: v128, y20: v128, y21: v128;
    if (inverse) {
      y5 = v128.xor(u4, u6);
      const p0 = v128.xor(u0, u1);
      y9 = v128.xor(u3, u4);
      const p1 = v128.xor(u3, u6);
      const p2 = v128.xor(u2, u7);
      y4 = v128.xor(y5, p0);
      y8 = v128.xor(u6, u7);
      const p3 = v128.xor(u5, y5);
      y2 = v128.xor(p0, p1);
      y6 = v128.xor(u7, y5);
      y1 = v128.xor(u0, y9);
      y7 = v128.xor(u5, y4);
      const p4 = v128.xor(u1, u2);
      y17 = v128.xor(y9, p4);
      const p5 = v128.xor(u0, u7);
      y11 = v128.xor(p2, y4);
      y3 = v128.xor(u4, u7);
      const p6 = v128.xor(u5, p1);
      y16 = v128.xor(u1, p6);
      y0 = v128.xor(u5, p2);
      y12 = v128.xor(p0, y8);
      y15 = v128.xor(u2, p3);
      y20 = v128.xor(p2, y2);
      y21 = v128.xor(u0, p3);
      y19 = v128.xor(u0, u3);
      y10 = v128.xor(p1, p5);
      y18 = v128.xor(u5, y9);
      y14 = v128.xor(u3, y6);
      y13 = v128.xor(p0, y9);
    } else {
      y0 = u0;
      y14 = v128.xor(u4, u2);
      y13 = v128.xor(u7, u1);
      y9 = v128.xor(u7, u4);
      y8 = v128.xor(u7, u2);
      const t0 = v128.xor(u6, u5);
      y1 = v128.xor(t0, u0);
      y4 = v128.xor(y1, u4);
      y12 = v128.xor(y13, y14);
      y2 = v128.xor(y1, u7);
      y5 = v128.xor(y1, u1);
      y3 = v128.xor(y5, y8);
      const t1 = v128.xor(u3, y12);
      y15 = v128.xor(t1, u2);
      y20 = v128.xor(t1, u6);
      y6 = v128.xor(y15, u0);
      y10 = v128.xor(y15, t0);
      y11 = v128.xor(y20, y9);
      y7 = v128.xor(u0, y11);
      y17 = v128.xor(y10, y11);
      y19 = v128.xor(y10, y8);
      y16 = v128.xor(t0, y11);
      y21 = v128.xor(y13, y16);
      y18 = v128.xor(u7, y16);
    }

    // The inversion; its results are spread over z0-z17.
    const t2 = v128.and(y12, y15);
    const t3 = v128.and(y3, y6);
    const t4 = v128.xor(t3, t2);
    const t5 = v128.and(y4, y0);
    const t6 = v128.xor(t5, t2);
    const t7 = v128.and(y13, y16);
    const t8 = v128.and(y5, y1);
    const t9 = v128.xor(t8, t7);
    const t10 = v128.and(y2, y7);
    const t11 = v128.xor(t10, t7);
    const t12 = v128.and(y9, y11);
    const t13 = v128.and(y14, y17);
    const t14 = v128.xor(t13, t12);
    const t15 = v128.and(y8, y10);
    const t16 = v128.xor(t15, t12);
    const t17 = v128.xor(t4, t14);
    const t18 = v128.xor(t6, t16);
    const t19 = v128.xor(t9, t14);
    const t20 = v128.xor(t11, t16);
    const t21 = v128.xor(t17, y20);
    const t22 = v128.xor(t18, y19);
    const t23 = v128.xor(t19, y21);
    const t24 = v128.xor(t20, y18);
    const t25 = v128.xor(t21, t22);
    const t26 = v128.and(t21, t23);
    const t27 = v128.xor(t24, t26);
    const t28 = v128.and(t25, t27);
    const t29 = v128.xor(t28, t22);
    const t30 = v128.xor(t23, t24);
    const t31 = v128.xor(t22, t26);
    const t32 = v128.and(t31, t30);
    const t33 = v128.xor(t32, t24);
    const t34 = v128.xor(t23, t33);
    const t35 = v128.xor(t27, t33);
    const t36 = v128.and(t24, t35);
    const t37 = v128.xor(t36, t34);
    const t38 = v128.xor(t27, t36);
    const t39 = v128.and(t29, t38);
    const t40 = v128.xor(t25, t39);
    const t41 = v128.xor(t40, t37);
    const t42 = v128.xor(t29, t33);
    const t43 = v128.xor(t29, t40);
    const t44 = v128.xor(t33, t37);
    const t45 = v128.xor(t42, t41);
    const z0 = v128.and(t44, y15);
    const z1 = v128.and(t37, y6);
    const z2 = v128.and(t33, y0);
    const z3 = v128.and(t43, y16);
    const z4 = v128.and(t40, y1);
    const z5 = v128.and(t29, y7);
    const z6 = v128.and(t42, y11);
    const z7 = v128.and(t45, y17);
    const z8 = v128.and(t41, y10);
    const z9 = v128.and(t44, y12);
    const z10 = v128.and(t37, y3);
    const z11 = v128.and(t33, y4);
    const z12 = v128.and(t43, y13);
    const z13 = v128.and(t40, y5);
    const z14 = v128.and(t29, y2);
    const z15 = v128.and(t42, y9);
    const z16 = v128.and(t45, y14);
    const z17 = v128.and(t41, y8);

    // prettier-ignore
    let s0: v128, s1: v128, s2: v128, s3: v128, s4: v128, s5: v128, s6: v128, s7: v128;
    if (inverse) {
      const q0 = v128.xor(z6, z15);
      const q1 = v128.xor(z13, q0);
      const q2 = v128.xor(z12, q1);
      const q3 = v128.xor(z16, q2);
      const q4 = v128.xor(z3, z4);
      const q5 = v128.xor(z8, q3);
      const q6 = v128.xor(z2, z10);
      const q7 = v128.xor(z1, q4);
      const q8 = v128.xor(z4, z5);
      const q9 = v128.xor(z9, z17);
      const q10 = v128.xor(z8, q6);
      const q11 = v128.xor(z14, q10);
      const q12 = v128.xor(z0, q5);
      const q13 = v128.xor(q7, q11);
      const q14 = v128.xor(z11, q13);
      const q15 = v128.xor(z16, q0);
      const q16 = v128.xor(z1, q8);
      const q17 = v128.xor(z0, q8);
      const q18 = v128.xor(z17, q2);
      const q19 = v128.xor(q1, q9);
      const q20 = v128.xor(z12, q15);
      const q21 = v128.xor(z3, q5);
      const q22 = v128.xor(z15, q9);
      const q23 = v128.xor(q6, q18);
      const q24 = v128.xor(z7, z11);
      const q25 = v128.xor(z7, q3);
      const q26 = v128.xor(q23, q24);
      s6 = v128.xor(q13, q19);
      s7 = v128.xor(z5, q21);
      s2 = v128.xor(q12, q16);
      s4 = v128.xor(z2, q12);
      s0 = v128.xor(z11, q22);
      s1 = v128.xor(q4, q25);
      s5 = v128.xor(q14, q20);
      s3 = v128.xor(q17, q26);
    } else {
      const t46 = v128.xor(z15, z16);
      const t47 = v128.xor(z10, z11);
      const t48 = v128.xor(z5, z13);
      const t49 = v128.xor(z9, z10);
      const t50 = v128.xor(z2, z12);
      const t51 = v128.xor(z2, z5);
      const t52 = v128.xor(z7, z8);
      const t53 = v128.xor(z0, z3);
      const t54 = v128.xor(z6, z7);
      const t55 = v128.xor(z16, z17);
      const t56 = v128.xor(z12, t48);
      const t57 = v128.xor(t50, t53);
      const t58 = v128.xor(z4, t46);
      const t59 = v128.xor(z3, t54);
      const t60 = v128.xor(t46, t57);
      const t61 = v128.xor(z14, t57);
      const t62 = v128.xor(t52, t58);
      const t63 = v128.xor(t49, t58);
      const t64 = v128.xor(z4, t59);
      const t65 = v128.xor(t61, t62);
      const t66 = v128.xor(z1, t63);
      s7 = v128.xor(t59, t63);
      s1 = v128.xor(t56, t62);
      s0 = v128.xor(t48, t60);
      const t67 = v128.xor(t64, t65);
      s4 = v128.xor(t53, t66);
      s3 = v128.xor(t51, t66);
      s2 = v128.xor(t47, t65);
      s6 = v128.xor(t64, s4);
      s5 = v128.xor(t55, t67);
    }
    v128.store(planes, s0);
    v128.store(planes, s1, 16);
    v128.store(planes, s2, 32);
    v128.store(planes, s3, 48);
    v128.store(planes, s4, 64);
    v128.store(planes, s5, 80);
    v128.store(planes, s6, 96);
    v128.store(planes, s7, 112);
  }
}
